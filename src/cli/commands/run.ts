import { closeSync, openSync } from 'node:fs';
import { signalName } from '../../linux/signals.js';
import { libc } from '../../node/libc.js';
import { linuxOnly } from '../../node/linux-only.js';
import { type ProcessExit, runWatched, type WatchEvent } from '../../watch/index.js';
import { giveBackStreams } from '../shared-streams.js';
import { dumpOnSignal, type WatchArguments, watchOptions } from '../watching.js';

const PR_SET_DUMPABLE = 4;
const SIG_DFL = 0;
const SIG_SETMASK = 2;
const SIGSET_SIZE = 128;

/** `mdmp run -- COMMAND…`: ends as the program does. */
export async function run(words: readonly string[], given: WatchArguments): Promise<void> {
  linuxOnly('mdmp run');
  const options = await watchOptions(given);
  const terminal = hasTerminal();
  const passed = passSignals(terminal);
  // Made here at the latest, while the program is not there to see it.
  process.stdout;
  process.stderr;
  giveBackStreams();
  // A reader of it may be slow, or be the program, which is held when something is told of it: in a later turn it is not.
  let told = Promise.resolve();
  const later = (event: WatchEvent) => {
    told = told.then(() => new Promise((turn) => setImmediate(turn))).then(() => options.onEvent?.(event));
  };
  const watch = await runWatched(words, {
    ...options,
    onEvent: (event) => {
      later(event);
      // So that the shell gets the terminal back on Ctrl-Z.
      if (event.event === 'stopped' && terminal) process.kill(process.pid, 'SIGSTOP');
    },
  });
  passed.to(watch.pid);
  dumpOnSignal(watch);
  const { exit } = await watch.ended;
  await told;
  endAs(exit!);
}

/** A terminal sends its signals to the program as well; what somebody sends to mdmp alone is meant for the program. */
function passSignals(terminal: boolean): { to(pid: number): void } {
  const early: NodeJS.Signals[] = [];
  let target: number | undefined;
  const pass = (signal: NodeJS.Signals) => {
    if (target === undefined) {
      early.push(signal);
      return;
    }
    try {
      process.kill(target, signal);
    } catch {
      // It has ended.
    }
  };
  for (const signal of ['SIGTERM', 'SIGUSR1'] as const) process.on(signal, pass);
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const)
    process.on(signal, terminal ? () => {} : pass);
  // The program stops, and then mdmp: see above.
  process.on('SIGTSTP', () => {});
  return {
    to(pid) {
      target = pid;
      for (const signal of early) pass(signal);
    },
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** With the status of the program, or by the signal that it died of. */
function endAs({ code, signal }: ProcessExit): void {
  if (signal === 0) {
    process.exitCode = code;
    return;
  }
  // The program has left its core; this one would be of mdmp.
  libc('int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)')(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Whoever ignores, handles or blocks it: Node, what mdmp was started by, mdmp itself.
  process.removeAllListeners(signalName(signal));
  libc('uintptr_t signal(int signal, uintptr_t handler)')(signal, SIG_DFL);
  libc('int sigprocmask(int how, void *set, void *old)')(SIG_SETMASK, new Uint8Array(SIGSET_SIZE), null);
  libc('int kill(int pid, int signal)')(process.pid, signal);
  setTimeout(() => process.exit(128 + signal), 1000);
}
