import { leafName } from '../platform.js';
import { cppFunctionName, rustFunctionName } from './function-names.js';
import type { SignatureFrame } from './input.js';

/**
 * The path in a repository or on a disk: `hg:hg.example.org/app:src/a.rs:0123abcd`, `c:\src\a.rs`, `/src/a.rs`; undefined for
 * anything else, relative paths included.
 */
function sourcePath(file: string): string | undefined {
  const parts = file.split(':');
  if (parts.length === 4) return parts[2];
  if (parts.length === 2) return parts[1];
  return file.startsWith('/') ? file : undefined;
}

/** Panics of the standard library of Rust 1.34, whose symbols lack their path, and the file that each is in. */
const PANICS: ReadonlyMap<string, string> = new Map([
  ['capacity_overflow', 'alloc/raw_vec'],
  ['expect_failed', 'core/option'],
  ['panic', 'core/panicking'],
  ['panic_bounds_check', 'core/panicking'],
  ['panic_fmt', 'core/panicking'],
  ['slice_index_order_fail', 'core/slice/mod'],
  ['begin_panic_fmt', 'std/panicking'],
  ['continue_panic_fmt', 'std/panicking'],
  ['rust_panic_with_hook', 'std/panicking'],
]);

/** `core::option::expect_failed` for `expect_failed` in src/libcore/option.rs. */
function withRustPath(name: string, path: string): string {
  const file = PANICS.get(name);
  if (file === undefined || path !== `src/lib${file}.rs`) return name;
  return `${file.replace(/\/mod$/, '').replaceAll('/', '::')}::${name}`;
}

function functionName(
  { function: name, file, line }: SignatureFrame & { function: string },
  lineCounts: RegExp | undefined,
): string {
  const path = file ? sourcePath(file) : undefined;
  const known = path === undefined ? name : withRustPath(name, path);
  return path?.endsWith('.rs')
    ? rustFunctionName(known, line, lineCounts)
    : cppFunctionName(known, line, lineCounts);
}

/** `[vdso]` and the like, whose brackets differ from one stackwalker to the next. */
function withoutBrackets(module: string): string {
  let start = 0;
  let end = module.length;
  while (start < end && module[start] === '[') start++;
  while (end > start && module[end - 1] === ']') end--;
  return module.slice(start, end);
}

function withoutLeadingZeros(offset: string): string {
  return /^0x[0-9a-f]+$/i.test(offset) ? `0x${BigInt(offset).toString(16)}` : offset;
}

/**
 * What stands for a frame: the function without what differs between builds; else file and line, the module, an unloaded
 * module, the address; else nothing.
 */
export function normalizeFrame(frame: SignatureFrame, lineCounts?: RegExp): string {
  const { function: name, file, line, module, unloaded_modules: unloaded, offset } = frame;
  if (name) return functionName({ ...frame, function: name }, lineCounts);
  if (file && line) {
    let end = file.length;
    while (end > 0 && (file[end - 1] === '/' || file[end - 1] === '\\')) end--;
    return `${leafName(file.slice(0, end))}#${line}`;
  }
  if (module) return withoutBrackets(module);
  if (unloaded?.[0]) return `(unloaded ${unloaded[0].module})`;
  return offset ? `@${withoutLeadingZeros(offset)}` : '';
}

/** So many are looked at, a call that was inlined counting as one. */
const MOST_FRAMES = 40;

/** The first frames of a thread, normalised; Windows does not tell upper from lower case in the names of modules. */
export function normalizeFrames(
  frames: readonly SignatureFrame[],
  lowerCaseModules: boolean,
  lineCounts?: RegExp,
): string[] {
  return frames
    .slice(0, MOST_FRAMES)
    .flatMap((frame): SignatureFrame[] => [
      ...(frame.inlines ?? [])
        .slice(0, MOST_FRAMES)
        .map((call) => ({ ...call, module: frame.module ?? null })),
      frame,
    ])
    .slice(0, MOST_FRAMES)
    .map((frame) => {
      const module = lowerCaseModules ? frame.module?.toLowerCase() : frame.module;
      return normalizeFrame({ ...frame, module: module ?? null }, lineCounts);
    });
}
