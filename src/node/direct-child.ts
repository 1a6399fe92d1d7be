import { constants } from 'node:os';
import { MinidumpError } from '../io/index.js';
import { errno, errnoName, libc } from './libc.js';
import { type SpawnedProgram, SpawnPlan } from './posix-spawn.js';
import { sleep } from './sleep.js';

const O_RDWR = 2;
const WNOHANG = 1;
const O_CLOEXEC = 0o2000000;

/** How a process ended. */
export interface ChildEnd {
  exitCode: number | undefined;
  /** SIGKILL … */
  signal: string | undefined;
}

/** What a child is started with. */
export interface ChildStart extends SpawnedProgram {
  /** What it gets as 0 and 2; its 1 is /dev/null. */
  stdin: number;
  stderr: number;
  /** Descriptors of this process, and the numbers that the child has them under: above all others that are given. */
  inherited: ReadonlyMap<number, number>;
}

/**
 * A child process that is started, watched and waited for without a turn of the event loop, and of which Node knows nothing: no
 * listener, no handle, and no zombie where the event loop is busy. It has a process group of its own, so that Ctrl-C does not end it.
 */
export class DirectChild {
  readonly pid: number;
  #end: ChildEnd | undefined;

  constructor({ file, args, env, stdin, stderr, inherited }: ChildStart) {
    using plan = new SpawnPlan();
    // Those first, as one of them may stand where the standard ones will.
    for (const [from, to] of inherited) plan.duplicate(from, to);
    plan.duplicate(stdin, 0);
    plan.duplicate(stderr, 2);
    plan.open(1, '/dev/null', O_RDWR);
    plan.ownGroup();
    this.pid = plan.spawn({ file, args, env });
  }

  /** Waits for its end, not longer than so many milliseconds: undefined if it still runs. */
  wait(milliseconds: number): ChildEnd | undefined {
    const deadline = performance.now() + milliseconds;
    while (this.#end === undefined) {
      const status = new Int32Array(new ArrayBuffer(4));
      const found = libc('int waitpid(int pid, void *status, int options)')(this.pid, status, WNOHANG);
      if (found === this.pid) this.#end = endIn(status[0]!);
      // Somebody else of this program has waited for all of its children.
      else if (found < 0 && errnoName(errno()) === 'ECHILD')
        this.#end = { exitCode: undefined, signal: undefined };
      else if (performance.now() >= deadline) break;
      else sleep(1);
    }
    return this.#end;
  }

  /** Ends it, if it has not ended. Until it was waited for its id is nobody else's. */
  kill(): void {
    if (this.#end === undefined) libc('int kill(int pid, int signal)')(this.pid, constants.signals.SIGKILL);
  }
}

/**
 * A pipe, both ends closed in whatever this process starts.
 *
 * @param flags O_NONBLOCK, for both ends
 */
export function makePipe(flags = 0): { read: number; write: number } {
  const ends = new Int32Array(new ArrayBuffer(8));
  if (libc('int pipe2(void *ends, int flags)')(ends, flags | O_CLOEXEC) !== 0) {
    throw new MinidumpError('system-call', `pipe2 failed: ${errnoName(errno())}`);
  }
  return { read: ends[0]!, write: ends[1]! };
}

function endIn(status: number): ChildEnd {
  const number = status & 0x7f;
  if (number === 0) return { exitCode: (status >> 8) & 0xff, signal: undefined };
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return { exitCode: undefined, signal: signal ?? `signal ${number}` };
}
