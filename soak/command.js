// The command `mdmp dump`, as the soak starts it.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kinds } from './kinds.js';

/** Kinds that need no callback module. */
export const commandKinds = Object.keys(kinds).filter((name) => !kinds[name].callbacks);

const running = new Set();

/** Ends what still runs, for a process that is about to exit. */
export function killCommands() {
  for (const child of running) killGroup(child);
}

export class Commands {
  #main;
  #work;
  #knowsSnapshots;

  constructor(root, work) {
    this.#main = join(root, 'dist', 'cli', 'main.js');
    this.#work = work;
    const source = readFileSync(join(root, 'dist', 'cli', 'commands', 'dump.js'), 'utf8');
    this.#knowsSnapshots = source.includes('--snapshot');
  }

  /** Whether `--snapshot` is there at all. */
  get knowsSnapshots() {
    return this.#knowsSnapshots;
  }

  /** `always` or `never`, or undefined where this version knows only one way. */
  snapshotOf(mode) {
    if (!this.#knowsSnapshots) return undefined;
    return mode === 'snapshot' ? 'always' : 'never';
  }

  /**
   * Starts a dump; `ended` tells how it ended. `before` is put in front of the command, `more` behind it. It is a process group of its own,
   * and its temporary files are in the work folder.
   */
  start(pid, file, kind, mode, { before = [], more = [] } = {}) {
    const snapshot = this.snapshotOf(mode);
    const dump = [this.#main, 'dump', String(pid), '-o', file, '--type', String(kinds[kind].type), ...more];
    if (snapshot) dump.push('--snapshot', snapshot);
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
