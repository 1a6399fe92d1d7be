import { linuxOnly } from '../../node/linux-only.js';
import {
  listWatchers,
  releaseWatched,
  resumeWatched,
  Watch,
  type WatcherReport,
  waitForProcess,
} from '../../watch/index.js';
import { parseId, wrong } from '../arguments.js';
import { err, print, printJson } from '../output.js';
import { noProcess, processNamed } from '../process-of.js';
import { printable } from '../text.js';
import { dumpOnSignal, type WatchArguments, watchOptions } from '../watching.js';

export interface WatchCommandArguments extends WatchArguments {
  wait?: boolean;
  release?: string;
  resume?: string;
  list?: boolean;
}

/** `mdmp watch PID|NAME`: until the process ends, as many dumps are there as were wanted, or somebody ends it. */
export async function watch(target: string | undefined, given: WatchCommandArguments): Promise<void> {
  linuxOnly('mdmp watch');
  if (given.release !== undefined || given.resume !== undefined || given.list === true) {
    await control(target, given);
    return;
  }
  if (target === undefined) throw wrong('mdmp watch needs a process id or the name of a program');
  const options = await watchOptions(given);
  const pid = await processOf(target, given.wait === true);
  let watched: Watch | undefined;
  let over = false;
  const end = () => {
    over = true;
    void watched?.close();
  };
  // Before it is attached: this process must not end by a signal while it is.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  // Not watchProcess: a child of a shell that this command has replaced is nobody's child_process.
  watched = await Watch.attach(pid, options);
  if (over) end();
  dumpOnSignal(watched);
  const keys = listenToKeys(watched, end);
  await watched.ended;
  keys();
}

/** What is for a watcher that runs already. */
async function control(target: string | undefined, given: WatchCommandArguments): Promise<void> {
  const { release, resume, list } = given;
  const wanted = [release, resume, list, target].filter((one) => one !== undefined);
  if (wanted.length > 1)
    throw wrong('give one of --release PID, --resume PID, --list, or a process to watch');
  if (release !== undefined) {
    const pid = parseId(release, 'the process id of --release');
    await releaseWatched(pid);
    await print(`process ${pid} is released: others may trace it, until \`mdmp watch --resume ${pid}\``);
  } else if (resume !== undefined) {
    const pid = parseId(resume, 'the process id of --resume');
    await resumeWatched(pid);
    await print(`attached to process ${pid} again`);
  } else {
    const watchers = await listWatchers();
    if (given.json) await printJson(watchers);
    else if (watchers.length === 0) await print('no watcher runs that you may ask');
    else await print(watchers.map(watcherText).join('\n'));
  }
}

function watcherText({ pid, uid, processes }: WatcherReport): string {
  const states = { attached: 'attached', released: 'released', conditions: 'not attached' };
  const lines = processes.map((one) => `  ${one.pid}  ${printable(one.name)}  ${states[one.state]}`);
  const user = uid === process.geteuid!() ? '' : ` of user ${uid}`;
  return [`watcher ${pid}${user}`, ...lines].join('\n');
}

async function processOf(target: string, wait: boolean): Promise<number> {
  const found = processNamed(target);
  if (found !== undefined) return found;
  if (!wait) throw noProcess(target, 'Wait for one with --wait, or start it with `mdmp run`.');
  const abort = new AbortController();
  return await waitForProcess(target, abort.signal);
}

/** On a terminal: d makes a dump, q ends the watch. Gives how to stop listening. */
function listenToKeys(watched: Watch, end: () => void): () => void {
  const { stdin } = process;
  if (stdin.isTTY !== true) return () => {};
  process.stderr.write(
    `${err.dim('mdmp:')} watching process ${watched.pid}: d makes a dump, q ends the watch\n`,
  );
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('data', (keys: Buffer) => {
    for (const key of keys.toString('latin1')) {
      if (key === 'd') void watched.dump('the key d');
      // Raw mode takes Ctrl-C from the terminal.
      else if (key === 'q' || key === '\x03') end();
    }
  });
  return () => {
    stdin.setRawMode(false);
    stdin.pause();
  };
}
