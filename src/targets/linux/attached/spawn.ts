import {
  accessSync,
  constants,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { MinidumpError } from '../../../io/index.js';
import { errno, errnoName, libc } from '../../../node/libc.js';
import { bindWaitid, P_PID, SI_PID, SI_STATUS, WALL, WEXITED, WNOHANG } from '../ended-threads.js';
import { readText } from '../procfs.js';

/*
 * A program is started so that it can be traced before its first instruction, and is otherwise a child like any other: same terminal, group,
 * environment, arguments. fork is not for a process with threads; posix_spawn leaves no place to wait for a tracer, but for one: a
 * file action that opens a FIFO, in the child, just before exec. There it waits until the tracer has come and opens the other end.
 */

const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
/** Bytes of posix_spawn_file_actions_t, posix_spawnattr_t and sigset_t; glibc has 80, 336 and 128, musl no more. */
const ACTIONS_SIZE = 256;
const ATTRIBUTES_SIZE = 512;
const SIGSET_SIZE = 128;
/** Descriptors of the child until it executes the program. */
const MARKER_FD = 100;
const GATE_FD = 101;

/** Where a child waits to be attached to. */
export interface Gate {
  /** The child has this file open. */
  readonly marker: string;
  /** A FIFO: the child waits until it is opened for writing. */
  readonly gate: string;
}

/** The file of a program, as execvp(3) would find it. */
export function findProgram(name: string): string {
  const refused = (why: string, code: 'invalid-argument' = 'invalid-argument') =>
    new MinidumpError(code, `${name}: ${why}`, {
      advice: 'Give the path of a program, or the name of one that is in PATH.',
    });
  const candidates = name.includes('/')
    ? [resolve(name)]
    : (process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
        .split(delimiter)
        .map((folder) => resolve(folder, name));
  let denied = false;
  for (const file of candidates) {
    try {
      if (!statSync(file).isFile()) continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      denied ||= (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  }
  throw refused(denied ? 'the program may not be executed' : 'there is no such program');
}

/**
 * Starts a program, whose end nobody but the tracing thread waits for.
 *
 * @param path of the file
 * @param words its arguments, its own name first
 * @param arrived is called once the gate stands, and must have someone open it
 */
export async function spawnTraced(
  path: string,
  words: readonly string[],
  arrived: (gate: Gate) => Promise<number>,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-'));
  const gate: Gate = { marker: join(folder, 'marker'), gate: join(folder, 'gate') };
  try {
    writeFileSync(gate.marker, '');
    if (libc('int mkfifo(const char *path, unsigned int mode)')(gate.gate, 0o600) !== 0) {
      throw new MinidumpError('system-call', `mkfifo in ${folder}: ${errnoName(errno())}`);
    }
    const [spawned, pid] = await Promise.all([spawn(path, words, gate), arrived(gate)]);
    if (spawned !== 0) {
      throw new MinidumpError('invalid-argument', `${path} cannot be executed: ${errnoName(spawned)}`);
    }
    return pid;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives errno. In a thread of the pool: it waits until the program is executed. */
function spawn(path: string, words: readonly string[], { marker, gate }: Gate): Promise<number> {
  const actions = new Uint8Array(ACTIONS_SIZE);
  libc('int posix_spawn_file_actions_init(void *actions)')(actions);
  const addOpen = libc(
    'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
  );
  const addClose = libc('int posix_spawn_file_actions_addclose(void *actions, int fd)');
  addOpen(actions, MARKER_FD, marker, constants.O_RDONLY, 0);
  addOpen(actions, GATE_FD, gate, constants.O_RDONLY, 0);
  // Node has its descriptors closed by exec, the standard streams too; to duplicate one onto itself undoes that.
  const duplicate = libc('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)');
  for (const fd of [0, 1, 2]) duplicate(actions, fd, fd);
  addClose(actions, MARKER_FD);
  addClose(actions, GATE_FD);
  const attributes = new Uint8Array(ATTRIBUTES_SIZE);
  libc('int posix_spawnattr_init(void *attributes)')(attributes);
  // Node ignores SIGPIPE and SIGXFSZ; its pool blocks signals.
  libc('int posix_spawnattr_setsigdefault(void *attributes, void *set)')(
    attributes,
    new Uint8Array(SIGSET_SIZE).fill(0xff),
  );
  libc('int posix_spawnattr_setsigmask(void *attributes, void *set)')(
    attributes,
    new Uint8Array(SIGSET_SIZE),
  );
  libc('int posix_spawnattr_setflags(void *attributes, int16_t flags)')(
    attributes,
    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK,
  );
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const call = libc(
    'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **words, const char **environment)',
  );
  const pid = new Int32Array(1);
  return new Promise((done, failed) => {
    call.async(
      pid,
      path,
      actions,
      attributes,
      [...words, null],
      [...environment, null],
      (error: unknown, code: number) => {
        libc('int posix_spawn_file_actions_destroy(void *actions)')(actions);
        libc('int posix_spawnattr_destroy(void *attributes)')(attributes);
        if (error) failed(error);
        else done(code);
      },
    );
  });
}

/** Takes the end of a child that nobody traces any more: undefined if it has not ended, or somebody else has taken it. */
export function collectChild(pid: number): { readonly code: number; readonly signal: number } | undefined {
  const info = new Int32Array(32);
  if (bindWaitid()(P_PID, pid, info, WEXITED | WNOHANG | WALL) !== 0 || info[SI_PID] !== pid)
    return undefined;
  const status = info[SI_STATUS]!;
  return info[SI_CODE] === CLD_EXITED ? { code: status, signal: 0 } : { code: 0, signal: status };
}

/** Words of siginfo_t as waitid fills it. */
const SI_CODE = 2;
const CLD_EXITED = 1;

/** The child of this process that has the file open. */
export function childWaitingAt(marker: string): number | undefined {
  for (const tid of readdirSync('/proc/self/task')) {
    for (const pid of (readText(`/proc/self/task/${tid}/children`) ?? '').split(' ')) {
      if (pid === '') continue;
      try {
        if (readlinkSync(`/proc/${pid}/fd/${MARKER_FD}`) === marker) return Number(pid);
      } catch {
        // Another child, or not there yet.
      }
    }
  }
  return undefined;
}
