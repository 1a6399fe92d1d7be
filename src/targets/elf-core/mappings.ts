import { AT_EXECFN, AT_RANDOM, AT_SYSINFO_EHDR } from '../../linux/auxv.js';
import type { CoreFile, CoreSegment } from '../../linux/core-file.js';
import type { CoreFileMapping } from '../../linux/core-notes.js';
import { type Mapping, withoutDeleted } from '../../linux/maps.js';
import { findMapping, indexAbove } from '../../linux/stacks.js';
import { PF_W, PF_X } from '../../object/elf.js';

/** A mapping of the process as its core lets it be known. */
export interface CoreMapping extends Mapping {
  /** The PT_LOAD that it is in. gdb has none for files that were not changed. */
  segment: CoreSegment | undefined;
  /** Where the file is mapped from its beginning: the base of the image. Undefined for memory without a file. */
  base: bigint | undefined;
}

const PF_R = 4;
const VSYSCALL = 0xffff_ffff_ff60_0000n;
/** [vvar] and what newer kernels split off from it are some pages. */
const MAX_VVAR = 64n * 1024n;

/**
 * The mappings, ascending: from PT_LOAD, which has the rights, and NT_FILE, which has the files. What neither tells is
 * left as it would be for most: private, and the inode is a number of our own for each path. Names in brackets are given where an
 * address of the auxiliary vector tells what a mapping is; `[heap]` cannot be known.
 */
export function coreMappings(
  { segments, notes }: CoreFile,
  auxv: ReadonlyMap<number, bigint>,
): CoreMapping[] {
  const files = ascendingFiles(notes.files);
  const edges = new BigUint64Array([...segments, ...files].flatMap(({ start, end }) => [start, end])).sort();
  const inodes = new Map<string, bigint>();
  const bases = new Map<string, bigint>();
  const mappings: CoreMapping[] = [];
  let s = 0;
  let f = 0;
  for (let i = 0; i + 1 < edges.length; i++) {
    const start = edges[i]!;
    const end = edges[i + 1]!;
    if (start === end) continue;
    while (s < segments.length && segments[s]!.end <= start) s++;
    while (f < files.length && files[f]!.end <= start) f++;
    const segment = segments[s] !== undefined && segments[s]!.start <= start ? segments[s] : undefined;
    const file = files[f] !== undefined && files[f]!.start <= start ? files[f] : undefined;
    if (segment === undefined && file === undefined) continue;
    const { path, deleted } = withoutDeleted(file?.path ?? '');
    const offset = file === undefined ? 0n : file.offset + (start - file.start);
    if (file !== undefined) {
      if (!inodes.has(file.path)) inodes.set(file.path, BigInt(inodes.size + 1));
      if (offset === 0n) bases.set(file.path, start);
    }
    mappings.push({
      start,
      end,
      // Of a file without a PT_LOAD the rights are in its own program headers.
      readable: segment === undefined || (segment.flags & PF_R) !== 0,
      writable: segment !== undefined && (segment.flags & PF_W) !== 0,
      executable: segment !== undefined && (segment.flags & PF_X) !== 0,
      shared: false,
      offset,
      device: '00:00',
      inode: file === undefined ? 0n : inodes.get(file.path)!,
      path,
      deleted,
      segment,
      base: file === undefined ? undefined : bases.get(file.path),
    });
  }
  nameSpecial(mappings, auxv);
  return mappings;
}

/** Ascending, without overlaps: the first of two counts. */
function ascendingFiles(files: readonly CoreFileMapping[]): CoreFileMapping[] {
  const sorted = files
    .filter(({ start, end }) => end > start)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const kept: CoreFileMapping[] = [];
  for (const file of sorted) if (kept.length === 0 || kept.at(-1)!.end <= file.start) kept.push(file);
  return kept;
}

function nameSpecial(mappings: CoreMapping[], auxv: ReadonlyMap<number, bigint>): void {
  const anonymousAt = (address: bigint | undefined) => {
    const found = address === undefined ? undefined : findMapping(mappings, address);
    return found?.inode === 0n ? found : undefined;
  };
  const stack = anonymousAt(auxv.get(AT_RANDOM) ?? auxv.get(AT_EXECFN));
  if (stack?.writable) stack.path = '[stack]';
  const vsyscall = anonymousAt(VSYSCALL);
  if (vsyscall !== undefined) vsyscall.path = '[vsyscall]';
  const vdso = anonymousAt(auxv.get(AT_SYSINFO_EHDR));
  if (vdso === undefined || vdso.start !== auxv.get(AT_SYSINFO_EHDR)) return;
  vdso.path = '[vdso]';
  // The kernel's data for the vDSO lies right below it (arch/x86/entry/vdso/vma.c).
  let at = vdso.start;
  for (let i = indexAbove(mappings, vdso.start) - 2; i >= 0; i--) {
    const below = mappings[i]!;
    const isData = below.inode === 0n && below.readable && !below.writable && !below.executable;
    if (!isData || below.end !== at || vdso.start - below.start > MAX_VVAR) break;
    below.path = '[vvar]';
    at = below.start;
  }
}
