import { constants, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { type FileRegion, MinidumpError } from '../../../io/index.js';
import { errorFromPlain } from '../../../io/plain-error.js';
import { type ChildEnd, DirectChild, makePipe } from '../../../node/direct-child.js';
import { helperEnvironment } from '../../../node/helper-environment.js';
import { helperFailed } from '../../../node/helper-failure.js';
import { closeDescriptor, MemoryFile } from '../../../node/memory-file.js';
import { allowTracer } from '../../../node/ptracer.js';
import { readSome } from '../../../node/read.js';
import { checkNotSingleFile } from '../../../node/single-file.js';
import { sleep } from '../../../node/sleep.js';
import { HELPER_FILE } from './helper-file.js';
import { OrphanedCopies } from './orphaned-copies.js';
import { Beat, type HelperAnswer, type HelperRequest } from './protocol.js';

/** How long nothing may be heard of the helper, beyond the longest stop; and how long its end may take. Milliseconds. */
const SILENCE_LIMIT = 60_000;
const END_LIMIT = 10_000;
/** How often it is looked whether there is an answer, in milliseconds. */
const SLICE = 2;
/** The variables that Node may need to start, and what the helper's dump depends on. */
const VARIABLES = ['LD_LIBRARY_PATH', 'TMPDIR', 'TZ', 'LANG', 'LC_ALL'];

/** The answer of a helper that did what it was told. */
export type HelperSuccess = Exclude<HelperAnswer, { kind: 'error' }>;

/**
 * Has a helper process, a Node of its own, dump this process, and blocks until it has ended. From the call on nothing returns to
 * the event loop, so that the caller is in the dump as it was.
 *
 * @param region the file that it writes to, from its position on
 * @throws MinidumpError of the helper; `helper-failed` where it cannot start or dies
 */
export function runHelper(request: HelperRequest, region: FileRegion, maxPause: number): HelperSuccess {
  using files = new Files();
  files.request.write(serialize(request));
  using copies = new OrphanedCopies();
  const child = start(files, region.fd);
  try {
    files.closeTheirs();
    using _ = allowTracer(child.pid);
    letGo(files.go.write);
    const done = awaitAnswer(files.beats.read, maxPause + SILENCE_LIMIT);
    if (done === false) child.kill();
    const end = child.wait(END_LIMIT);
    if (done !== true) throw died(end, done === false, files.words.read());
    copies.areNone();
  } finally {
    child.kill();
    child.wait(END_LIMIT);
  }
  const answer = deserialize(files.answer.read()) as HelperAnswer;
  if (answer.kind !== 'error') return answer;
  const { outputCode, message } = answer.error;
  if (outputCode !== undefined) throw region.failure(Object.assign(new Error(message), { code: outputCode }));
  throw errorFromPlain(answer.error);
}

/** The helper waits for this: before, it might not be allowed to trace. */
function letGo(fd: number): void {
  try {
    writeSync(fd, '\n');
  } catch (error) {
    // It has died already, which is seen soon enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

/** What this process and the helper talk by. */
class Files implements Disposable {
  readonly request = new MemoryFile();
  readonly answer = new MemoryFile();
  /** What it has to say when it breaks down. */
  readonly words = new MemoryFile();
  readonly go = makePipe();
  readonly beats = makePipe(constants.O_NONBLOCK);
  #theirs = [this.go.read, this.beats.write];

  /** The helper has them: its end must be seen as the end of the pipe. */
  closeTheirs(): void {
    for (const fd of this.#theirs) closeDescriptor(fd);
    this.#theirs = [];
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    for (const fd of [this.go.write, this.beats.read]) closeDescriptor(fd);
    for (const file of [this.request, this.answer, this.words]) file[Symbol.dispose]();
  }
}

function start(files: Files, output: number): DirectChild {
  checkNotSingleFile();
  const given = [files.request.fd, files.answer.fd, files.beats.write, output];
  const base = Math.max(...given, files.go.read, files.words.fd, 2) + 1;
  const numbers = given.map((_, i) => base + i);
  try {
    return new DirectChild({
      // The program that runs, also where its file was replaced or deleted meanwhile.
      file: '/proc/self/exe',
      args: [process.execPath, HELPER_FILE, ...numbers.map(String)],
      env: helperEnvironment(VARIABLES),
      stdin: files.go.read,
      stderr: files.words.fd,
      inherited: new Map(given.map((fd, i) => [fd, numbers[i]!])),
    });
  } catch (cause) {
    throw new MinidumpError(
      'helper-failed',
      `the helper that dumps this process could not be started: ${(cause as Error).message}`,
      { advice: 'See the limits on processes and open files (ulimit -u, ulimit -n).', cause },
    );
  }
}

/**
 * True: the answer is there. False: nothing was heard for too long. Undefined: the helper has ended without an answer.
 *
 * It is waited for in calls of Node and V8 only: koffi calls on a stack of its own (koffi 3.3), and the stack of the caller would
 * not be in the dump.
 */
function awaitAnswer(fd: number, limit: number): boolean | undefined {
  const beats = new Uint8Array(64);
  let done: true | undefined;
  for (let heard = performance.now(); performance.now() - heard < limit; ) {
    const got = readIfAny(fd, beats);
    if (got === 0) return done;
    if (got === undefined) {
      sleep(SLICE);
      continue;
    }
    heard = performance.now();
    if (beats.subarray(0, got).includes(Beat.Done)) done = true;
  }
  return done ?? false;
}

/** From a pipe that does not block; undefined where there is nothing yet. */
function readIfAny(fd: number, into: Uint8Array): number | undefined {
  try {
    return readSome(fd, into, 0, into.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function died(end: ChildEnd | undefined, silent: boolean, words: Buffer): MinidumpError {
  let how =
    end?.signal === undefined
      ? `ended with code ${end?.exitCode ?? 'unknown'}`
      : `was ended by ${end.signal}`;
  if (silent) how = 'did not answer';
  const advice = 'Try again; if somebody has ended it (for want of memory, say), see the log of the system.';
  return helperFailed(how, words, { advice });
}
