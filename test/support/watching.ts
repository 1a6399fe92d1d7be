/** Runs programs alone, under `mdmp run` and watched by `mdmp watch`, and tells how each ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { analyzeTask } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { minidumpStackwalk } from './judges.js';
import { compileWith, statusField, temporaryFolder, threadIds, threadState } from './programs.js';
import { run, waitFor } from './run.js';
import { requireTool, root } from './tools.js';

export const main = join(root, 'dist', 'cli', 'main.js');

/** test/programs/fatal.cc, which ends in many ways. */
export const compileFatal = (): Promise<string> =>
  compileWith('g++', 'fatal.cc', ['-std=c++20', '-O1', '-g', '-pthread', '-fno-omit-frame-pointer']);

/** How a program ended, and what it said. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Without the lines of mdmp. */
  readonly stderr: string;
  /** What mdmp said. */
  readonly told: readonly string[];
  /** Files that the kernel left in the folder that the program ran in. */
  readonly cores: readonly string[];
}

export interface RunOptions {
  /** On standard input. */
  input?: string;
  /** Limit of the size of a core: none by default. */
  cores?: boolean;
  env?: Record<string, string>;
  timeoutMs?: number;
  /** A folder that is empty. */
  cwd?: string;
}

const running = new Set<ChildProcess>();
/** Each is a folder of its own test. */
const folders = new Set<string>();
process.on('exit', endStarted);

/** Ends what a test has started and left, and what that has started in the same folder. For `afterEach`, before `stopPrograms`. */
export function endStarted(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const pid of [...folders].flatMap(livingIn)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  folders.clear();
}

/** Ids of all processes that stand in a folder and live. */
export function livingIn(cwd: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === cwd && threadState(pid, pid) !== 'Z';
      } catch {
        return false;
      }
    });
}

/** A program that was started, with all that it says. */
export class Started {
  readonly child: ChildProcess;
  readonly cwd: string;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown>;
  /** It may have ended long before: others may have its output. */
  #isClosed = false;

  constructor(
    words: readonly string[],
    { cores = false, env = {}, cwd = temporaryFolder() }: RunOptions = {},
  ) {
    this.cwd = cwd;
    folders.add(cwd);
    const limit = cores ? 'unlimited' : '0';
    this.child = spawn('/bin/sh', ['-c', 'ulimit -c "$0"; exec "$@"', limit, ...words], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#closed = once(this.child, 'close');
    void this.#closed.then(() => {
      this.#isClosed = true;
      running.delete(this.child);
    });
  }

  /** `mdmp run` of a program. */
  static underRun(
    words: readonly string[],
    flags: readonly string[] = [],
    options: RunOptions = {},
  ): UnderRun {
    return new UnderRun(words, flags, options);
  }

  /** Of the program, or of mdmp if it is under that. */
  get pid(): number {
    return this.child.pid!;
  }

  /** Waits for a line that matches, on stdout; gives what its first group is. */
  async line(pattern: RegExp): Promise<string> {
    return await waitFor(
      `${pattern} of process ${this.pid}`,
      () => {
        const found = pattern.exec(this.stdout);
        if (found === null && this.#isClosed) throw new Error(`it ended: ${this.stderr}`);
        return found === null ? undefined : (found[1] ?? found[0]);
      },
      20_000,
    );
  }

  async end(timeoutMs = 60_000): Promise<Ending> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    await this.#closed;
    clearTimeout(timer);
    const lines = this.stderr.split('\n');
    return {
      code: this.child.exitCode,
      signal: this.child.signalCode,
      stdout: this.stdout,
      stderr: lines.filter((line) => !line.startsWith('mdmp:')).join('\n'),
      told: lines.filter((line) => line.startsWith('mdmp:')),
      cores: readdirSync(this.cwd).filter((name) => name.startsWith('core')),
    };
  }
}

/** `mdmp run`, and where its dumps go. */
export class UnderRun extends Started {
  readonly folder: string;

  constructor(words: readonly string[], flags: readonly string[], options: RunOptions) {
    const folder = temporaryFolder();
    super(runWords(words, folder, flags), options);
    this.folder = folder;
  }

  get dumps(): string[] {
    return dumpsIn(this.folder);
  }
}

/** Without mdmp. */
export async function runAlone(words: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const started = new Started(words, options);
  started.child.stdin!.end(options.input ?? '');
  return await started.end(options.timeoutMs);
}

export interface WatchedEnding extends Ending {
  /** Paths. */
  readonly dumps: readonly string[];
}

/** By `mdmp run`. */
export async function runUnder(
  words: readonly string[],
  flags: readonly string[] = [],
  options: RunOptions = {},
): Promise<WatchedEnding> {
  const started = Started.underRun(words, flags, options);
  started.child.stdin!.end(options.input ?? '');
  return { ...(await started.end(options.timeoutMs)), dumps: started.dumps };
}

/** The command line of `mdmp run`. */
export const runWords = (
  words: readonly string[],
  folder: string,
  flags: readonly string[] = [],
): string[] => [process.execPath, main, 'run', '-d', folder, ...flags, '--', ...words];

export function dumpsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.dmp'))
    .map((name) => join(folder, name));
}

/** `mdmp watch` of a process. */
export class Watcher {
  readonly started: Started;
  readonly folder = temporaryFolder();

  private constructor(target: string, flags: readonly string[]) {
    this.started = new Started([process.execPath, main, 'watch', target, '-d', this.folder, ...flags]);
  }

  /** Once all threads of the process are traced. */
  static async attach(pid: number, flags: readonly string[] = []): Promise<Watcher> {
    const watcher = new Watcher(String(pid), flags);
    await waitFor(
      `all threads of process ${pid} to be traced`,
      () => {
        if (watcher.started.child.exitCode !== null) throw new Error(watcher.started.stderr);
        return isTraced(pid);
      },
      30_000,
    );
    return watcher;
  }

  get dumps(): string[] {
    return dumpsIn(this.folder);
  }
}

/** Whether each thread of a process that has not ended has a tracer. */
export function isTraced(pid: number): boolean {
  return threadIds(pid).every((tid) => {
    try {
      return statusField(tid, 'TracerPid') !== '0' || /^[ZX]/.test(statusField(tid, 'State'));
    } catch {
      return true;
    }
  });
}

/** The same for programs of which only numbers differ from run to run: thread ids, addresses. */
export const withoutNumbers = (text: string): string => text.replaceAll(/0x[0-9a-f]+|\d+/g, 'N');

/** `name=value` lines of what a program said. */
export function said(stdout: string, name: string): string | undefined {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1];
}

// ---------------------------------------------------------------------------------------------------------------------
// What dumps say

export interface Verdict {
  readonly reason: string;
  readonly address: bigint;
  /** Id of the thread that crashed. */
  readonly thread: number | undefined;
  /** Names of functions of its stack, innermost first; names of modules where there is none. */
  readonly stack: readonly string[];
  /** File name of the module of the innermost one. */
  readonly module: string;
}

/** Breakpad's minidump_stackwalk, with symbols that its own dump_syms made. */
export async function breakpadVerdict(dump: string, symbols?: string): Promise<Verdict> {
  const walk = await minidumpStackwalk(dump, symbols === undefined ? [] : [symbols]);
  const { reason, address, thread } = walk.crash;
  using source = new FileSource(dump);
  const { threads } = runSync(analyzeTask(Minidump.openSync(source)));
  return {
    reason,
    address,
    thread: thread === undefined ? undefined : threads[thread]?.id,
    stack: (walk.frames[thread ?? 0] ?? []).map((frame) => bare(frame.function) || frame.module),
    module: walk.frames[thread ?? 0]?.[0]?.module ?? '',
  };
}

export interface OwnVerdict extends Verdict {
  /** The address of the instruction that was executed, and the top of the stack. */
  readonly instruction: bigint;
  readonly stackPointer: bigint;
}

/** Our own reader, with the files that the modules were loaded from. */
export function ownVerdict(dump: string): OwnVerdict {
  using source = new FileSource(dump);
  using symbols = openSymbols({ paths: [], cache: temporaryFolder(), local: true });
  const { threads, crash, requestingThread } = runSync(analyzeTask(Minidump.openSync(source), { symbols }));
  const thread = requestingThread === undefined ? undefined : threads[requestingThread];
  return {
    reason: crash?.reason ?? '',
    address: crash?.address ?? 0n,
    thread: thread?.id,
    stack: (thread?.stack.frames ?? []).flatMap((frame) => [
      ...frame.inlines.map((inline) => bare(inline.function)),
      bare(frame.function) || basename(frame.module?.name ?? ''),
    ]),
    module: basename(thread?.stack.frames[0]?.module?.name ?? ''),
    instruction: thread?.stack.frames[0]?.instruction ?? 0n,
    stackPointer: thread?.stack.frames[0]?.registers.get('rsp') ?? 0n,
  };
}

const bare = (name: string | undefined): string => (name ?? '').replace(/\(.*$/, '');

/** A folder of symbol files, one for each program or library that is given; for `afterAll` to remove. */
export async function symbolFiles(files: readonly string[]): Promise<string> {
  const tool = join(requireTool('minidump_stackwalk'), '..', 'dump_syms');
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-symbols-'));
  for (const file of files) {
    if (!existsSync(file)) continue;
    const { stdout } = await run(tool, [file]);
    const [, id, name] = /^MODULE Linux \S+ (\S+) (.+)\n/.exec(stdout.toString('latin1')) ?? [];
    if (id === undefined) throw new Error(`dump_syms says nothing of ${file}`);
    const place = join(folder, name!, id);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `${name}.sym`), stdout);
  }
  return folder;
}

/** Paths of libraries that a program is linked to, as the dynamic linker finds them. */
export async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('/usr/bin/env', ['ldd', program]);
  return [...stdout.toString().matchAll(/=> (\/\S+)/g)].map(([, path]) => path!);
}

export function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return undefined;
  }
}
