/** Real pipes, and processes that read them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { libc } from '../../src/node/libc.js';

export const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

export interface Pipe {
  read: number;
  write: number;
}

/** Closed on exec, so that no child keeps an end open that it was not given. */
export function pipe(flags = 0): Pipe {
  const ends = new Int32Array(new ArrayBuffer(8));
  if (libc('int pipe2(void *ends, int flags)')(ends, flags | O_CLOEXEC) !== 0) throw new Error('pipe2');
  return { read: ends[0]!, write: ends[1]! };
}

/** A connected pair of sockets, as Node makes them for a child's `pipe`. */
export function socketPair(): Pipe {
  const ends = new Int32Array(new ArrayBuffer(8));
  const AF_UNIX = 1;
  const SOCK_STREAM = 1;
  const make = libc('int socketpair(int domain, int type, int protocol, void *ends)');
  if (make(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, ends) !== 0) throw new Error('socketpair');
  return { read: ends[0]!, write: ends[1]! };
}

/** Runs a shell command with `fd` as its input, gives `fd` away to it, and collects what it prints. */
export function reader(fd: number, command: string): { child: ChildProcess; output: Promise<Buffer> } {
  const child = spawn('sh', ['-c', command], { stdio: [fd, 'pipe', 'inherit'] });
  closeSync(fd);
  const parts: Buffer[] = [];
  child.stdout!.on('data', (part: Buffer) => parts.push(part));
  const output = new Promise<Buffer>((resolve) => child.on('close', () => resolve(Buffer.concat(parts))));
  return { child, output };
}
