import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { root } from '../support/tools.js';

export interface Answer {
  exit: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built command, as a script would: no terminal. */
export function mdmp(
  words: readonly (string | number)[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Answer {
  const main = join(root, 'dist', 'cli', 'main.js');
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [main, ...words.map(String)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, ...options.env },
  });
  if (error) throw error;
  return { exit: status, stdout, stderr };
}

/** What a command prints as JSON; fails if it fails. */
export function mdmpJson(words: readonly (string | number)[]) {
  const { exit, stdout, stderr } = mdmp([...words, '--json']);
  if (exit !== 0) throw new Error(`mdmp ${words.join(' ')}: exit ${exit}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A folder for the tests of one file, gone when they are done. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
