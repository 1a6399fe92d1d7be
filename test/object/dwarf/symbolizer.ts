import { spawnSync } from 'node:child_process';
import { runSync } from '../../../src/io/index.js';
import type { FunctionAt } from '../../../src/object/debug-information.js';

/** A frame as text: function, file and line. */
export type Frames = string[];

/** What llvm-symbolizer says of addresses of a file, innermost frame first; functions as they are stored. */
export function llvmFrames(path: string, addresses: readonly number[], ...options: string[]): Frames[] {
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join('');
  const { stdout, stderr, status } = spawnSync(
    'llvm-symbolizer-19',
    ['--obj', path, '--output-style=JSON', '--no-demangle', '--inlines', '--no-debuginfod', ...options],
    { input, encoding: 'utf8', maxBuffer: 1 << 29 },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const { Symbol: frames = [] } = JSON.parse(line) as {
        Symbol?: { FunctionName: string; FileName: string; Line: number }[];
      };
      return frames.map(({ FunctionName, FileName, Line }) => frame(FunctionName, FileName, Line));
    });
}

function frame(name: string, file: string | undefined, line: number | undefined): string {
  // Without a line LLVM takes a file from the symbol table.
  return `${name || '??'} ${line ? normal(file) : ''}:${line ?? 0}`;
}

/** LLVM takes `.` out of paths, but leaves `..`. */
function normal(file: string | undefined): string {
  return (file ?? '').replace(/(?<=\/)(?:\.\/)+/g, '').replace(/^\.\//, '');
}

export function ourFrames(found: FunctionAt | undefined): Frames {
  if (found === undefined) return [];
  return [...found.inlines, found].map(({ name, file, line }) => frame(name, file, line));
}

/** So many addresses of the executable code, always the same. */
export function someAddresses(
  ranges: readonly (readonly [number, number])[],
  count: number,
  seed = 1,
): number[] {
  const total = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () => {
    let at = Math.floor(random() * total);
    for (const [start, end] of ranges) {
      if (at < end - start) return start + at;
      at -= end - start;
    }
    return ranges[0]![0];
  });
}

export { runSync };
