import { MinidumpError } from '../../io/index.js';
import { findProcess, type Watch, waitForProcess, watchProcess } from '../../watch/index.js';
import { parseId, wrong } from '../arguments.js';
import { dumpOnSignal, type WatchArguments, watchOptions } from '../watching.js';

export interface WatchCommandArguments extends WatchArguments {
  wait?: boolean;
  release?: string;
  resume?: string;
}

/** `mdmp watch PID|NAME`: until the process ends, as many dumps are there as were wanted, or somebody ends it. */
export async function watch(target: string | undefined, given: WatchCommandArguments): Promise<void> {
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
  watched = await watchProcess(pid, options);
  if (over) end();
  dumpOnSignal(watched);
  const keys = listenToKeys(watched, end);
  await watched.ended;
  keys();
}

async function processOf(target: string, wait: boolean): Promise<number> {
  if (/^\d+$/.test(target)) return parseId(target, 'the process id');
  const found = findProcess(target);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw wrong(
      `there are ${found.length} processes '${target}': ${found.slice(0, 8).join(', ')}`,
      'Give the id of one.',
    );
  }
  if (!wait) {
    throw new MinidumpError('no-such-process', `there is no process '${target}'`, {
      advice: 'Wait for one with --wait, or start it with `mdmp run`.',
    });
  }
  const abort = new AbortController();
  return await waitForProcess(target, abort.signal);
}

/** On a terminal: d makes a dump, q ends the watch. Gives how to stop listening. */
function listenToKeys(watched: Watch, end: () => void): () => void {
  const { stdin } = process;
  if (stdin.isTTY !== true) return () => {};
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
