import {
  accessSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { MinidumpError } from '../../../io/index.js';
import { errno, errnoName, libc } from '../../../node/libc.js';
import { SpawnPlan } from '../../../node/posix-spawn.js';
import {
  bindWaitid,
  CLD_EXITED,
  P_PID,
  SI_CODE,
  SI_PID,
  SI_STATUS,
  WALL,
  WEXITED,
  WNOHANG,
} from '../ended-threads.js';
import { ownChildren } from '../procfs.js';

/*
 * A program is started so that it can be traced before its first instruction, and is otherwise a child like any other: same terminal, group,
 * environment, arguments. fork is not for a process with threads; posix_spawn leaves no place to wait for a tracer, but for one: a
 * file action that opens a file, in the child, just before exec. This process holds a lease on that file (fcntl(2)), so that the child waits there
 * until the tracer has come and the lease is given back; if this process is killed meanwhile the kernel gives it back, and the program runs.
 * Some file systems have no leases: there the file is a FIFO, whose other end the tracer opens.
 */

/** Descriptors of the child until it executes the program. */
const MARKER_FD = 100;
const GATE_FD = 101;

/** Where a child waits to be attached to. */
export interface Gate {
  /** The child has this file open. */
  readonly marker: string;
  /** The child waits in open(2) of this one. */
  readonly gate: string;
  /** Of the file with the lease; -1 if it is a FIFO. */
  readonly fd: number;
}

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** SIGURG does nothing by default: who waits for the lease makes the kernel send a signal to its holder. */
const SIGURG = 23;

const fcntl = (fd: number, command: number, value: number): number =>
  libc('int fcntl(int fd, int command, int value)')(fd, command, value) as number;

/** Makes the gate of a child. */
function closeGate(folder: string): Gate {
  const marker = join(folder, 'marker');
  const gate = join(folder, 'gate');
  writeFileSync(marker, '');
  const fd = openSync(gate, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  if (fcntl(fd, F_SETSIG, SIGURG) === 0 && fcntl(fd, F_SETLEASE, F_WRLCK) === 0) return { marker, gate, fd };
  closeSync(fd);
  rmSync(gate);
  if (libc('int mkfifo(const char *path, unsigned int mode)')(gate, 0o600) !== 0) {
    throw new MinidumpError('system-call', `mkfifo in ${folder}: ${errnoName(errno())}`);
  }
  return { marker, gate, fd: -1 };
}

/** Lets the child go on that waits at a gate. */
export function openGate({ gate, fd }: Pick<Gate, 'gate' | 'fd'>): void {
  if (fd >= 0) fcntl(fd, F_SETLEASE, F_UNLCK);
  else closeSync(openSync(gate, constants.O_WRONLY));
}

/** The file of a program, as execvp(3) would find it. */
export function findProgram(name: string): string {
  const refused = (why: string) =>
    new MinidumpError('invalid-argument', `${name}: ${why}`, {
      advice: 'Give the path of a program, or the name of one that is in PATH.',
    });
  const candidates = name.includes('/')
    ? [resolve(name)]
    : (process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
        .split(delimiter)
        .map((folder) => resolve(folder, name));
  let [denied, folder] = [false, false];
  for (const file of candidates) {
    try {
      if (!statSync(file).isFile()) {
        folder ||= name.includes('/');
        continue;
      }
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      denied ||= (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  }
  if (denied) throw refused('the program may not be executed');
  throw refused(folder ? 'it is no file that can be executed' : 'there is no such program');
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
  let gate: Gate | undefined;
  try {
    gate = closeGate(folder);
    const [spawned, pid] = await Promise.all([spawn(path, words, gate), arrived(gate)]);
    if (spawned !== 0) {
      throw notExecuted(path, spawned);
    }
    return pid;
  } finally {
    if (gate !== undefined && gate.fd >= 0) closeSync(gate.fd);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The file is there, and execve(2) has refused it. */
function notExecuted(path: string, code: number): MinidumpError {
  const name = errnoName(code);
  const refused = (why: string, advice: string) =>
    new MinidumpError('invalid-argument', `${path} cannot be executed: ${why}`, { advice });
  if (name === 'ENOENT') return refused('the interpreter that it names is not there', 'See its first line.');
  if (name === 'ENOEXEC') {
    return refused(
      'it is no program of this kind of machine',
      'A script needs a first line such as #!/bin/sh.',
    );
  }
  return refused(name, 'Give the path of a program, or the name of one that is in PATH.');
}

/** Gives errno. In a thread of the pool: it waits until the program is executed. */
async function spawn(path: string, words: readonly string[], { marker, gate, fd }: Gate): Promise<number> {
  using plan = new SpawnPlan();
  // Its own copy would keep the lease for as long as it waits.
  if (fd >= 0) plan.close(fd);
  plan.open(MARKER_FD, marker, constants.O_RDONLY);
  plan.open(GATE_FD, gate, constants.O_RDONLY);
  // Node has its descriptors closed by exec, the standard streams too.
  for (const stream of [0, 1, 2]) plan.duplicate(stream, stream);
  plan.close(MARKER_FD);
  plan.close(GATE_FD);
  plan.defaultSignals();
  return await plan.spawnFromPool({ file: path, args: words, env: process.env });
}

/** Takes the end of a child that nobody traces any more: undefined if it has not ended, or somebody else has taken it. */
export function collectChild(pid: number): { readonly code: number; readonly signal: number } | undefined {
  const info = new Int32Array(32);
  if (bindWaitid()(P_PID, pid, info, WEXITED | WNOHANG | WALL) !== 0 || info[SI_PID] !== pid)
    return undefined;
  const status = info[SI_STATUS]!;
  return info[SI_CODE] === CLD_EXITED ? { code: status, signal: 0 } : { code: 0, signal: status };
}

/** The child of this process that has the file open. */
export function childWaitingAt(marker: string): number | undefined {
  return ownChildren().find((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${MARKER_FD}`) === marker;
    } catch {
      return false; // another child, or not there yet
    }
  });
}
