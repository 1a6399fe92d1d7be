import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The folder of package.json. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Tools that tests use where they are there; `npm run setup:tools` installs all of them. */
export const toolNames = [
  'gcc',
  'g++',
  'readelf',
  'gdb',
  'gcore',
  'zstd',
  'prlimit',
  'strace',
  'xz',
  'dwz',
  'clang++-19',
  'lldb-19',
  'obj2yaml-19',
  'ld64.lld-19',
  'dsymutil-19',
  'llvm-dwarfdump-19',
  'llvm-lipo-19',
  'yaml2obj-19',
  'clang-19',
  'lld-link-19',
  'llvm-objdump-19',
  'llvm-readobj-19',
  'x86_64-w64-mingw32-gcc',
  'minidump_dump',
  'minidump_stackwalk',
  'minidump-stackwalk',
  'python-minidump',
  'gcc -m32',
  'node-22',
  'gcab',
  'cabextract',
  'wine',
  'node.exe',
  'chromium',
  'rustc',
  'systemd-analyze',
] as const;
export type ToolName = (typeof toolNames)[number];

/** In CI a check that did not run counts as failed. */
export const strict = isOn(process.env.CI) || isOn(process.env.MDMP_STRICT);

/** The path of a tool, or undefined where it is not installed. */
export function findTool(name: ToolName): string | undefined {
  const unpacked = join(root, '.tools', 'minidump', 'bin', `${process.platform}-${process.arch}`, name);
  if (name.startsWith('minidump_')) return executable(unpacked) ? unpacked : undefined;
  if (name === 'node-22') return existingPath(join(root, '.tools', 'node-22', 'node'));
  if (name === 'minidump-stackwalk') return existingPath(join(root, '.tools', 'rust', 'bin', name));
  if (name === 'python-minidump') return existingPath(join(root, '.tools', 'python', 'minidump'));
  if (name === 'gcc -m32') return canCompile32() ? findTool('gcc') : undefined;
  if (name === 'wine')
    return existingPath(join(root, '.tools', 'wine', 'system.reg')) && executablePath(wine64);
  if (name === 'node.exe') return existingPath(join(root, '.tools', 'windows', name));
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder && executable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** Where Debian has Wine's 64-bit loader; the commands on the PATH are in another package. */
const wine64 = '/usr/lib/wine/wine64';

const existingPath = (path: string) => (existsSync(path) ? path : undefined);
const executablePath = (path: string) => (executable(path) ? path : undefined);

let compiles32: boolean | undefined;
function canCompile32(): boolean {
  compiles32 ??=
    spawnSync('gcc', ['-m32', '-x', 'c', '-', '-o', '/dev/null'], { input: 'int main(void) { return 0; }' })
      .status === 0;
  return compiles32;
}

/** The path of a tool; fails with the way to get it. For use inside suites that `needs` has let through. */
export function requireTool(name: ToolName): string {
  const path = findTool(name);
  if (!path) throw new Error(`${name} is not installed; run: npm run setup:tools`);
  return path;
}

/** Something a suite cannot do without: a tool, or a condition with the words for its absence. */
export type Need = ToolName | { missing: string | undefined };

/**
 * `describe` for checks that need more than Node. Where something is missing the suite is skipped, and what was skipped
 * is printed; with CI=true or MDMP_STRICT=1 it is a failed test instead.
 */
export function describeWith(needs: readonly Need[], name: string, suite: () => void): void {
  const missing = whatIsMissing(needs);
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  const why = `${missing.join(', ')} missing (npm run setup:tools installs the tools)`;
  if (strict) {
    describe(name, () => {
      it(`cannot run: ${why}`, () => {
        expect.fail(`${name}: ${why}; this is a failure because CI or MDMP_STRICT is set`);
      });
    });
    return;
  }
  console.warn(`skipped: ${name}: ${why}`);
  describe.skip(`${name} [${why}]`, suite);
}

/** `describeWith` for checks against shared/corpus. */
export const needsCorpus: Need = { missing: corpusFolder() ? undefined : 'the corpus (MDMP_CORPUS)' };

/** Captures happen on Linux x86-64 only. */
export const needsLinux: Need = {
  missing: process.platform === 'linux' && process.arch === 'x64' ? undefined : 'Linux on x86-64',
};

/** `describeWith` for checks of the command and the package as they are built. */
export const needsBuild: Need = {
  missing: existsSync(join(root, 'dist', 'cli', 'main.js')) ? undefined : 'dist/cli/main.js (npm run build)',
};

/** The folder with the dumps of other projects, or undefined. */
export function corpusFolder(): string | undefined {
  const folder = process.env.MDMP_CORPUS ?? join(root, '..', 'shared', 'corpus');
  return existsSync(join(folder, 'breakpad')) ? folder : undefined;
}

export function whatIsMissing(needs: readonly Need[]): string[] {
  return needs.flatMap((need) => {
    if (typeof need !== 'string') return need.missing ?? [];
    return findTool(need) ? [] : need;
  });
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
