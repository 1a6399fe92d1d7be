import type { TargetRegion } from '../dump/target.js';
import { MemoryState, MemoryType, MemoryProtection as Page } from '../format/index.js';
import type { Mapping } from './maps.js';

/** Memory that nobody can read, or that is a device's: not asked for at all. */
export function isOpaque({ path }: Mapping): boolean {
  if (path.startsWith('/dev/')) return !path.startsWith('/dev/shm/') && path !== '/dev/zero';
  return path.startsWith('[vvar') || path === '[vsyscall]';
}

const { MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE } = MemoryType;

/** PAGE_* of winnt.h for the rights of a mapping. */
function pageProtection({ readable, writable, executable, shared, inode }: Mapping): number {
  const copyOnWrite = writable && !shared && inode !== 0n;
  if (executable) {
    if (writable) return copyOnWrite ? Page.PAGE_EXECUTE_WRITECOPY : Page.PAGE_EXECUTE_READWRITE;
    return readable ? Page.PAGE_EXECUTE_READ : Page.PAGE_EXECUTE;
  }
  if (writable) return copyOnWrite ? Page.PAGE_WRITECOPY : Page.PAGE_READWRITE;
  return readable ? Page.PAGE_READONLY : Page.PAGE_NOACCESS;
}

/** A mapping as VirtualQuery would tell of it, taken by itself. */
export function describeRegion(mapping: Mapping): TargetRegion {
  return describe(mapping, { first: mapping, code: mapping.executable }, false);
}

/**
 * All mappings as VirtualQuery would tell of them. The mappings of an image are one allocation, as its sections are on Windows,
 * though the linker may have left pages free between them; of other files those that touch each other are one. The
 * protection of an allocation is that of its first mapping.
 *
 * @param isReserved whether a private mapping without rights has never held anything: it is address space, not memory
 */
export function describeRegions(
  mappings: readonly Mapping[],
  isReserved: (mapping: Mapping) => boolean,
): TargetRegion[] {
  const regions: TargetRegion[] = [];
  for (const run of runsOf(mappings, ofOneImage)) {
    const code = run.some(({ executable }) => executable);
    for (const members of code ? [run] : runsOf(run, touching)) {
      const allocation = { first: members[0]!, code };
      for (const mapping of members) {
        regions.push(describe(mapping, allocation, mayBeReserved(mapping) && isReserved(mapping)));
      }
    }
  }
  return regions;
}

/** Neighbours that belong together. */
function runsOf(
  mappings: readonly Mapping[],
  together: (before: Mapping, mapping: Mapping) => boolean,
): Mapping[][] {
  const runs: Mapping[][] = [];
  let before: Mapping | undefined;
  for (const mapping of mappings) {
    if (before !== undefined && sameFile(before, mapping) && together(before, mapping)) {
      runs.at(-1)!.push(mapping);
    } else {
      runs.push([mapping]);
    }
    before = mapping;
  }
  return runs;
}

function sameFile(a: Mapping, b: Mapping): boolean {
  return a.inode !== 0n && a.inode === b.inode && a.device === b.device;
}

const touching = (before: Mapping, mapping: Mapping) => before.end === mapping.start;
/** A second copy of an image begins anew. */
const ofOneImage = (before: Mapping, mapping: Mapping) =>
  touching(before, mapping) || mapping.offset > before.offset;

function mayBeReserved({ readable, writable, executable, shared, inode, path }: Mapping): boolean {
  return !readable && !writable && !executable && !shared && inode === 0n && !path.startsWith('[v');
}

/** Mappings that belong together; `code` where one of them is executable. */
interface Allocation {
  first: Mapping;
  code: boolean;
}

function describe(mapping: Mapping, { first, code }: Allocation, reserved: boolean): TargetRegion {
  const image = mapping.inode !== 0n && (code || mapping.path.includes('.so'));
  return {
    start: mapping.start,
    end: mapping.end,
    allocationBase: first.start,
    state: reserved ? MemoryState.MEM_RESERVE : MemoryState.MEM_COMMIT,
    // Of reserved address space VirtualQuery gives no protection.
    protection: reserved ? 0 : pageProtection(mapping),
    allocationProtection: pageProtection(first),
    type: image ? MEM_IMAGE : mapping.inode !== 0n || mapping.shared ? MEM_MAPPED : MEM_PRIVATE,
    dumpable: !isOpaque(mapping),
    name: mapping.path,
  };
}
