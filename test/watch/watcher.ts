import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { root } from '../support/tools.js';

export const main = join(root, 'dist', 'cli', 'main.js');

const running = new Set<ChildProcess>();

/** The built command, which goes on: `mdmp watch`, `mdmp run`, a dump that takes long. */
export class Command {
  readonly child: ChildProcess;
  stdout: Buffer = Buffer.alloc(0);
  stderr = '';
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(words: readonly (string | number)[], options: { reads?: boolean; wrapper?: string[] } = {}) {
    const [file, ...args] = [...(options.wrapper ?? []), process.execPath, main, ...words.map(String)];
    this.child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    if (options.reads !== false) {
      this.child.stdout!.on('data', (piece: Buffer) => {
        this.stdout = Buffer.concat([this.stdout, piece]);
      });
    }
    this.child.stderr!.on('data', (piece: Buffer) => {
      this.stderr += piece;
    });
    this.ended = once(this.child, options.reads === false ? 'exit' : 'close').then(() => {
      running.delete(this.child);
      return this.child.signalCode ?? this.child.exitCode!;
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Ends all commands that were started in this test file. For `afterEach`. */
export async function stopCommands(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const end = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await end;
    }),
  );
}

/**
 * A program that is no child of this process, for watches in this one: libuv waits for its children, and would take what they stop for from
 * the thread that traces them.
 */
export async function startApart(path: string, args: readonly string[] = []) {
  const shell = await Program.start('sh', ['-c', 'exec 3<&0; "$0" "$@" <&3 & wait $!', path, ...args]);
  const pid = childrenOf(shell.pid)[0]!;
  return { pid, shell, [Symbol.asyncDispose]: () => shell.stop() };
}

/** Watches a process by the built command; resolves when it is attached. */
export async function startWatch(
  pid: number,
  words: readonly (string | number)[],
  options: { wrapper?: string[] } = {},
): Promise<Command> {
  const watcher = new Command(['watch', pid, ...words], options);
  try {
    const isThere = () => tracerOf(pid) === watcher.pid || watcher.child.exitCode !== null;
    await waitFor(`the watcher of ${pid}`, isThere, 30_000);
  } catch (error) {
    throw new Error(
      `${(error as Error).message}; ${watcher.stderr}; its threads are in ${callsOf(watcher.pid)}`,
    );
  }
  if (watcher.child.exitCode !== null) throw new Error(`mdmp watch: ${watcher.stderr}`);
  return watcher;
}

/** Where each of its threads is in the kernel. */
function callsOf(pid: number): string {
  const read = (tid: string, name: string) => readFileSync(`/proc/${pid}/task/${tid}/${name}`, 'utf8').trim();
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => ['comm', 'syscall', 'wchan'].map((name) => read(tid, name)).join(' '))
    .join('; ');
}

/** The process that traces another one, or 0. */
export function tracerOf(pid: number): number {
  const tracer = status(pid, 'TracerPid');
  return tracer === 0 ? 0 : status(tracer, 'Tgid');
}

export function status(pid: number, field: string): number {
  const text = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/** Where the socket of a watcher is, if there is one: written down here a second time, as it must not change. */
export function socketOf(pid: number, uid = process.getuid!()): string | undefined {
  return [`/run/user/${uid}/mdmp/${pid}.sock`, `/tmp/mdmp-${uid}/${pid}.sock`].find((file) => {
    try {
      return lstatSync(file).isSocket();
    } catch {
      return false;
    }
  });
}

/** Children of any of its threads. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
