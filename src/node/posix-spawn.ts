import { MinidumpError } from '../io/index.js';
import { errnoName, libc } from './libc.js';

/** Room for posix_spawn_file_actions_t and posix_spawnattr_t: 80 and 336 bytes with glibc, no more with musl. */
const OPAQUE_BYTES = 1024;
const SIGSET_BYTES = 128;
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;

const SPAWN =
  'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)';

/** A program that is to be started. */
export interface SpawnedProgram {
  readonly file: string;
  /** With the name of the program first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What posix_spawn(3) does for a child before it is another program. It is for children of which Node shall know nothing; fork is not for a
 * process with threads. The child begins with no signal blocked: Node's threads have some blocked.
 */
export class SpawnPlan implements Disposable {
  readonly #actions = new Uint8Array(OPAQUE_BYTES);
  readonly #attributes = new Uint8Array(OPAQUE_BYTES);
  #flags = POSIX_SPAWN_SETSIGMASK;

  constructor() {
    call('int posix_spawn_file_actions_init(void *actions)', this.#actions);
    call('int posix_spawnattr_init(void *attributes)', this.#attributes);
    const none = new Uint8Array(SIGSET_BYTES);
    call('int posix_spawnattr_setsigmask(void *attributes, void *mask)', this.#attributes, none);
  }

  /** The child opens a file, and has it as `fd`. */
  open(fd: number, path: string, flags: number): void {
    call(
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
      ...[this.#actions, fd, path, flags, 0],
    );
  }

  close(fd: number): void {
    call('int posix_spawn_file_actions_addclose(void *actions, int fd)', this.#actions, fd);
  }

  /** The child has a descriptor as `to`, and keeps it: also one that exec would close, and where the two are the same. */
  duplicate(from: number, to: number): void {
    call(
      'int posix_spawn_file_actions_adddup2(void *actions, int from, int to)',
      ...[this.#actions, from, to],
    );
  }

  /** A process group of its own: Ctrl-C does not end it. */
  ownGroup(): void {
    this.#flags |= POSIX_SPAWN_SETPGROUP;
    call('int posix_spawnattr_setpgroup(void *attributes, int group)', this.#attributes, 0);
  }

  /** It ignores no signal: Node ignores SIGPIPE and SIGXFSZ. */
  defaultSignals(): void {
    this.#flags |= POSIX_SPAWN_SETSIGDEF;
    const all = new Uint8Array(SIGSET_BYTES).fill(0xff);
    call('int posix_spawnattr_setsigdefault(void *attributes, void *set)', this.#attributes, all);
  }

  /** Starts it. Gives its id. @throws MinidumpError `system-call` */
  spawn(program: SpawnedProgram): number {
    const pid = new Int32Array(new ArrayBuffer(4));
    call(SPAWN, ...this.#arguments(program, pid));
    return pid[0]!;
  }

  /** Starts it from a thread of the pool, which waits until the program is executed. Gives errno, or 0. */
  spawnFromPool(program: SpawnedProgram): Promise<number> {
    const given = this.#arguments(program, new Int32Array(1));
    return new Promise((done, failed) => {
      libc(SPAWN).async(...given, (error: unknown, code: number) => (error ? failed(error) : done(code)));
    });
  }

  #arguments({ file, args, env }: SpawnedProgram, pid: Int32Array): unknown[] {
    call('int posix_spawnattr_setflags(void *attributes, short flags)', this.#attributes, this.#flags);
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return [pid, file, this.#actions, this.#attributes, [...args, null], [...words, null]];
  }

  [Symbol.dispose](): void {
    call('int posix_spawn_file_actions_destroy(void *actions)', this.#actions);
    call('int posix_spawnattr_destroy(void *attributes)', this.#attributes);
  }
}

/** These functions give their error as result. */
function call(declaration: string, ...args: unknown[]): void {
  const code = libc(declaration)(...args) as number;
  if (code === 0) return;
  const [, name] = /\b(\w+)\(/.exec(declaration)!;
  throw new MinidumpError('system-call', `${name} failed: ${errnoName(code)}`);
}
