import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Compressor, MinidumpError } from '../../io/index.js';
import { LEVEL } from './level.js';

/** The program `zstd`, a child process for each frame; undefined where there is none, or it does not run. */
export async function programCompressor(path = findProgram()): Promise<Compressor | undefined> {
  if (path === undefined) return undefined;
  const compressor = new ProgramCompressor(path);
  try {
    await compressor.compress(new Uint8Array(1));
    return compressor;
  } catch {
    return undefined;
  }
}

function findProgram(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, process.platform === 'win32' ? 'zstd.exe' : 'zstd');
    try {
      // An empty entry means the current folder, where anybody may have put something.
      if (folder === '' || !statSync(path).isFile()) continue;
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

class ProgramCompressor implements Compressor {
  readonly #path: string;
  readonly #running = new Map<ChildProcess, Promise<void>>();

  constructor(path: string) {
    this.#path = path;
  }

  compress(bytes: Uint8Array): Promise<Uint8Array> {
    const child = spawn(this.#path, ['-q', '-c', `-${LEVEL}`], {
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const parts: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => {
      if (said.length < 1000) said += part.toString();
    });
    // What a program that ends early leaves unread; why it ended is told below.
    child.stdin.on('error', () => {});
    child.stdin.end(bytes);
    // 'close' comes after the process was waited for and its pipes are closed; after an 'error' at its start, too.
    let cause: Error | undefined;
    child.on('error', (error) => {
      cause = error;
    });
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once('close', (code, signal) => resolve([code, signal])),
    );
    this.#running.set(
      child,
      ended.then(() => void this.#running.delete(child)),
    );
    return ended.then(([code, signal]) => {
      if (code === 0 && cause === undefined) return Buffer.concat(parts);
      const how = cause?.message ?? (signal === null ? `exit code ${code}` : `killed by ${signal}`);
      const line = said.trim().split('\n').at(-1);
      throw new MinidumpError(
        'write-failed',
        `compressing the dump failed: ${this.#path}: ${how}${line ? `: ${line}` : ''}`,
        { cause },
      );
    });
  }

  async close(): Promise<void> {
    for (const child of this.#running.keys()) child.kill('SIGKILL');
    await Promise.all(this.#running.values());
  }
}
