// The command `mdmp dump`, as the soak starts it.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { kinds } from './kinds.js';

/** Kinds that need no callback module. */
export const commandKinds = Object.keys(kinds).filter((name) => !kinds[name].callbacks);

/** The option of the command and of the library. */
export const snapshotOf = (mode) => (mode === 'snapshot' ? 'always' : 'never');

const running = new Set();

/** Ends what still runs, for a process that is about to exit. */
export function killCommands() {
  for (const child of running) killGroup(child);
}

export class Commands {
  #main;
  #work;

  constructor(root, work) {
    this.#main = join(root, 'dist', 'cli', 'main.js');
    this.#work = work;
  }

  /** The exit codes of docs/errors.md, but that for an error inside mdmp. */
  exitCodes() {
    const { stdout } = spawnSync(process.execPath, [this.#main, 'exit-codes'], { encoding: 'utf8' });
    const codes = [...stdout.matchAll(/^ *(\d+) /gm)].map(([, code]) => Number(code));
    return new Set(codes.filter((code) => code > 1));
  }

  /**
   * Starts a dump; `ended` tells how it ended. `before` is put in front of the command, `more` behind it. It is a process group of its own,
   * and its temporary files are in the work folder.
   */
  start(pid, file, kind, mode, { before = [], more = [] } = {}) {
    const dump = [
      this.#main,
      'dump',
      String(pid),
      '-o',
      file,
      '--type',
      String(kinds[kind].type),
      '--snapshot',
      snapshotOf(mode),
      ...more,
    ];
    const [command, ...args] = [...before, process.execPath, ...dump];
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, TMPDIR: this.#work },
    });
    running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes) => {
      stdout += bytes;
    });
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => {
        running.delete(child);
        resolve({ status, signal, stdout, stderr });
      });
    });
    return { pid: child.pid, ended, kill: () => killGroup(child) };
  }
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
