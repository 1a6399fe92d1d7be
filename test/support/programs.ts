/** Compiles and starts the programs of test/programs, and sees to it that none of them outlives its test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run, waitFor } from './run.js';
import { requireTool, root } from './tools.js';

const sources = join(root, 'test', 'programs');
const cache = join(root, '.tools', 'programs');

/**
 * Compiles `test/programs/NAME.c` and gives the path of the program. What was compiled before from the same text with the same
 * flags and compiler is taken from .tools/programs.
 */
export async function compile(name: string, flags: readonly string[] = []): Promise<string> {
  const all = [
    ...['-O1', '-g', '-Wall', '-Wextra', '-Werror', '-Wno-infinite-recursion', '-pthread'],
    '-fno-omit-frame-pointer',
    ...flags,
  ];
  return compileWith('gcc', `${name}.c`, all, ['-ldl']);
}

/** The same for any file of test/programs, with the flags that are given and no others. */
export async function compileWith(
  compiler: 'gcc' | 'g++' | 'clang-19' | 'clang++-19' | 'rustc' | 'x86_64-w64-mingw32-gcc',
  file: string,
  flags: readonly string[],
  libraries: readonly string[] = [],
  suffix = '',
): Promise<string> {
  const tool = requireTool(compiler);
  const hash = createHash('sha256')
    .update(readFileSync(join(sources, file)))
    .update(headers(dirname(join(sources, file))))
    .update(JSON.stringify([flags, libraries, (await run(tool, ['--version'])).stdout.toString()]))
    .digest('hex')
    .slice(0, 16);
  const path = join(cache, `${basename(file).replace(/\.\w+$/, '')}-${hash}${suffix}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  // Test files run side by side: each compiles to a name of its own, and the last rename wins.
  const temporary = `${path}.${process.pid}.tmp`;
  const args = [...flags, '-o', temporary, join(sources, file), ...libraries];
  const result = await run(tool, args, { timeoutMs: 180_000 });
  if (result.status !== 0) throw new Error(`${compiler} failed on ${file}:\n${result.stderr}`);
  renameSync(temporary, path);
  return path;
}

/** Text of all headers beside a program: it may include any of them. */
function headers(folder: string): string {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.h'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join();
}

/** A folder that is removed by `removeFolders`. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-test-'));
  folders.add(folder);
  return folder;
}

/** A copy of a program under another name in a folder of its own. */
export function copyAs(program: string, name: string): string {
  const path = join(temporaryFolder(), name);
  copyFileSync(program, path);
  chmodSync(path, 0o755);
  return path;
}

export interface StartOptions {
  env?: Record<string, string>;
  /** How long the program may take to its READY. */
  timeoutMs?: number;
}

const running = new Set<Program>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const program of running) program.kill();
  removeFolders();
});

/** A program that runs until `stop`. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  /** The `name=value` lines that it printed before READY. A name that came more than once has its last value. */
  readonly values: ReadonlyMap<string, string>;
  /** All of these lines, in order. */
  readonly lines: readonly string[];
  readonly #child: ChildProcess;
  readonly #output: Output;

  private constructor(child: ChildProcess, output: Output, lines: readonly string[]) {
    this.#child = child;
    this.#output = output;
    this.pid = child.pid!;
    this.lines = lines;
    this.values = valuesIn(lines);
  }

  static async start(
    command: string,
    args: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<Program> {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    // Writing to a program that has just died is no error of its own: what was waited for says it better.
    child.stdin.on('error', () => {});
    const output = new Output(child);
    try {
      await output.spawned;
      const lines = await output.linesUntil('READY', options.timeoutMs ?? 20_000);
      const program = new Program(child, output, lines);
      running.add(program);
      child.once('exit', () => running.delete(program));
      return program;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get exited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  /** The exit code, or the name of the signal; waits for the end. */
  async end(timeoutMs = 30_000): Promise<number | NodeJS.Signals> {
    if (!this.exited) {
      await withTimeout(once(this.#child, 'exit'), timeoutMs, `the end of process ${this.pid}`);
    }
    return this.#child.signalCode ?? this.#child.exitCode!;
  }

  /** The address and length that a value names, as in `heap=0x1234 256`. */
  range(name: string): { address: bigint; length: number } {
    const value = this.values.get(name);
    if (value === undefined) throw new Error(`the program said nothing of ${name}`);
    const [address, length] = value.split(' ');
    return { address: BigInt(address!), length: Number(length) };
  }

  /** Sends a command; gives the `name=value` lines up to END. */
  async command(line: string, timeoutMs = 20_000): Promise<Map<string, string>> {
    this.#child.stdin!.write(`${line}\n`);
    return valuesIn(await this.#output.linesUntil('END', timeoutMs));
  }

  /** Sends a line that brings no END (the start of a crash, say). */
  send(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Everything that the program has printed since READY and its commands. */
  async rest(): Promise<string[]> {
    await this.end();
    return this.#output.remaining();
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Ends the program: asked first, killed if it does not hear. */
  async stop(): Promise<void> {
    if (this.exited) return;
    this.#child.stdin!.end('quit\n');
    try {
      await this.end(2000);
    } catch {
      this.kill('SIGKILL');
      await this.end(10_000);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Ends all programs that were started in this test file. For `afterEach`. */
export async function stopPrograms(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
  removeFolders();
}

export function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

class Output {
  readonly spawned: Promise<void>;
  stderr = '';
  readonly #lines: string[] = [];
  readonly #closed: Promise<void>;
  #part = '';
  #ended = false;
  #wake = () => {};

  constructor(child: ChildProcess) {
    this.spawned = new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#part + text).split('\n');
      this.#part = lines.pop()!;
      this.#lines.push(...lines);
      this.#wake();
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#closed = new Promise((resolve) => {
      child.once('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  async linesUntil(last: string, timeoutMs: number): Promise<string[]> {
    const found = new Promise<string[]>((resolve, reject) => {
      this.#wake = () => {
        const at = this.#lines.indexOf(last);
        if (at >= 0) resolve(this.#lines.splice(0, at + 1).slice(0, -1));
        else if (this.#ended)
          reject(
            new Error(`the program ended before ${last}; it said: ${this.stderr || this.#lines.join('; ')}`),
          );
      };
      this.#wake();
    });
    return withTimeout(found, timeoutMs, last);
  }

  async remaining(): Promise<string[]> {
    await withTimeout(this.#closed, 10_000, 'the end of the output');
    return this.#lines.splice(0);
  }
}

/** The values of `name=value` lines. */
export function valuesIn(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.flatMap((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What the kernel says of a process

export function threadIds(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Memory of a live process as the kernel gives it; fails where it cannot be read in full. */
export function readProcessMemory(pid: number, address: bigint, length: number): Buffer {
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const bytes = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const at = address + BigInt(done);
      let n = 0;
      try {
        n = readSync(fd, bytes, done, length - done, at);
      } catch {} // EIO: nothing there, or nothing that may be read
      if (n <= 0) throw new Error(`process ${pid} has no readable memory at 0x${at.toString(16)}`);
      done += n;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

export function threadName(pid: number, tid: number): string {
  return readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').replace(/\n$/, '');
}

export function threadState(pid: number, tid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1'))![1]!;
}

/** A field of /proc/PID/status: `TracerPid`, `State` … */
export function statusField(pid: number, name: string): string {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
}

/**
 * Waits until no thread of the process has run for a while: each stands in a system call, so that its registers and its stack stay as
 * they are until somebody wakes it.
 */
export async function waitUntilStill(pid: number, timeoutMs = 20_000): Promise<void> {
  let before = '';
  let same = 0;
  await waitFor(
    `all threads of process ${pid} to stand still`,
    () => {
      const tids = threadIds(pid);
      const now = tids
        .map(
          (tid) =>
            `${tid} ${readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1')} ${threadState(pid, tid)}`,
        )
        .join();
      same = now === before && tids.every((tid) => /[SDTtZ]/.test(threadState(pid, tid))) ? same + 1 : 0;
      before = now;
      return same >= 20;
    },
    timeoutMs,
  );
}
