import { constants } from 'node:os';
import { MinidumpError } from '../io/index.js';
import { errno, errnoName, libc } from './libc.js';
import { sleep } from './sleep.js';

/** Room for posix_spawn_file_actions_t and posix_spawnattr_t: 80 and 336 bytes with glibc, no more with musl. */
const OPAQUE_BYTES = 1024;
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGMASK = 8;
const SIGSET_BYTES = 128;
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
export interface ChildStart {
  file: string;
  /** With the name of the program first. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
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
    const actions = new Uint8Array(OPAQUE_BYTES);
    const attributes = new Uint8Array(OPAQUE_BYTES);
    call('int posix_spawn_file_actions_init(void *actions)', actions);
    call('int posix_spawnattr_init(void *attributes)', attributes);
    try {
      const duplicate = (from: number, to: number) =>
        call('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)', actions, from, to);
      // Those first, as one of them may stand where the standard ones will.
      for (const [from, to] of inherited) duplicate(from, to);
      duplicate(stdin, 0);
      duplicate(stderr, 2);
      call(
        'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
        ...[actions, 1, '/dev/null', O_RDWR, 0],
      );
      call(
        'int posix_spawnattr_setflags(void *attributes, short flags)',
        attributes,
        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK,
      );
      call('int posix_spawnattr_setpgroup(void *attributes, int group)', attributes, 0);
      const noSignals = new Uint8Array(SIGSET_BYTES);
      call('int posix_spawnattr_setsigmask(void *attributes, void *mask)', attributes, noSignals);
      const pid = new Int32Array(new ArrayBuffer(4));
      const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      call(
        'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
        ...[pid, file, actions, attributes, [...args, null], [...words, null]],
      );
      this.pid = pid[0]!;
    } finally {
      call('int posix_spawn_file_actions_destroy(void *actions)', actions);
      call('int posix_spawnattr_destroy(void *attributes)', attributes);
    }
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
  if (libc('int pipe2(void *ends, int flags)')(ends, flags | O_CLOEXEC) !== 0) throw failed('pipe2', errno());
  return { read: ends[0]!, write: ends[1]! };
}

/** These functions give their error as result. */
function call(declaration: string, ...args: unknown[]): void {
  const code = libc(declaration)(...args) as number;
  if (code !== 0) throw failed(/\b(\w+)\(/.exec(declaration)![1]!, code);
}

function failed(what: string, code: number): MinidumpError {
  return new MinidumpError('system-call', `${what} failed: ${errnoName(code)}`);
}

function endIn(status: number): ChildEnd {
  const number = status & 0x7f;
  if (number === 0) return { exitCode: (status >> 8) & 0xff, signal: undefined };
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return { exitCode: undefined, signal: signal ?? `signal ${number}` };
}
