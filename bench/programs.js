// The C programs: those of the benchmark and those of the tests.
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BenchError } from './error.js';
import { root, temporaryFolder } from './folders.js';

let folder;
const compiled = new Map();

/** The path of the program that is made of a C file of the repository. */
export function program(source) {
  if (!compiled.has(source)) {
    folder ??= temporaryFolder(tmpdir());
    const path = join(folder, basename(source, '.c'));
    const gcc = spawnSync('gcc', ['-O1', '-pthread', '-o', path, join(root, source)], { encoding: 'utf8' });
    if (gcc.error) throw new BenchError(`gcc: ${gcc.error.message}; it compiles the targets`);
    if (gcc.status !== 0) throw new BenchError(`gcc fails on ${source}:\n${gcc.stderr}`);
    compiled.set(source, path);
  }
  return compiled.get(source);
}
