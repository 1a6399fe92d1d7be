/**
 * `node --import mdmp/register app.js`, or `import 'mdmp/register'` as the first of a program: a small process beside this one dumps it when
 * it crashes. docs/register.md tells of it.
 */
import { isMainThread } from 'node:worker_threads';
import { MinidumpError } from '../io/errors.js';
import type { RegisterOptions } from './options.js';
import { OtherThread } from './other-thread.js';
import { Registration } from './registration.js';

export type { RegisterOptions };

interface Register {
  readonly ready: Promise<void>;
  configure(options: RegisterOptions): void;
  dumpNow(text: string): Promise<string>;
}

/** Where there is nothing to watch with. */
class Nothing implements Register {
  readonly ready = Promise.resolve();
  configure(): void {}
  async dumpNow(): Promise<string> {
    if (process.platform === 'linux')
      throw new MinidumpError('unsupported', 'MDMP_REGISTER=0 switches mdmp/register off');
    throw new MinidumpError('platform', 'mdmp/register works on Linux only');
  }
}

/** How long MDMP_WAIT=1 waits. */
const PATIENCE = 10_000;

/** One for each thread, however often and from wherever this module is loaded. */
const KEY = Symbol.for('mdmp.register');
const shared = globalThis as { [KEY]?: Register };
shared[KEY] ??= begin();
const register = shared[KEY];

function begin(): Register {
  if (/^(0|false|no|off)$/i.test(process.env.MDMP_REGISTER ?? '')) return new Nothing();
  if (process.platform !== 'linux') {
    if (isMainThread) console.error('mdmp: mdmp/register works on Linux only; the program runs without it');
    return new Nothing();
  }
  if (!isMainThread) return new OtherThread();
  const registration = new Registration();
  registration.start();
  return registration;
}

/**
 * Changes what is watched for, what goes into the dumps, and where they go; what is not said stays as it is. Wrong values are told on stderr
 * and ignored.
 *
 * @throws MinidumpError `invalid-argument` in a worker thread
 */
export function configure(options: RegisterOptions): void {
  register.configure(options);
}

/**
 * Dumps this process; it works in every thread.
 *
 * @param text one line on why, for whoever is told of the dump
 * @returns the absolute path of the dump, once it is complete; empty if a callback has written it
 * @throws MinidumpError where there is none: a limit, the back-off, or what else prevented it
 */
export async function dumpNow(text = 'dumpNow()'): Promise<string> {
  return await register.dumpNow(text);
}

if (isMainThread && process.env.MDMP_WAIT === '1') {
  // It keeps the event loop going, which nothing else does.
  const patience = setTimeout(() => {}, PATIENCE);
  const tooLong = new Promise((done) => setTimeout(done, PATIENCE, 'late').unref());
  if ((await Promise.race([register.ready, tooLong])) === 'late')
    console.error(
      `mdmp: MDMP_WAIT: the watcher is not there after ${PATIENCE / 1000} s; the program starts without it`,
    );
  clearTimeout(patience);
}
