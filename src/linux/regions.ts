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
 * All mappings as VirtualQuery would tell of them. Mappings of one file that follow each other are one allocation, as the
 * sections of an image are on Windows; its protection is that of the first. One that holds code is an image.
 *
 * @param isReserved whether a private mapping without rights has never held anything: it is address space, not memory
 */
export function describeRegions(
  mappings: readonly Mapping[],
  isReserved: (mapping: Mapping) => boolean,
): TargetRegion[] {
  const regions: TargetRegion[] = [];
  for (let at = 0; at < mappings.length; ) {
    const first = mappings[at]!;
    let next = at + 1;
    while (next < mappings.length && continues(mappings[next - 1]!, mappings[next]!)) next++;
    const members = mappings.slice(at, next);
    const allocation = { first, code: members.some(({ executable }) => executable) };
    for (const mapping of members) {
      regions.push(describe(mapping, allocation, mayBeReserved(mapping) && isReserved(mapping)));
    }
    at = next;
  }
  return regions;
}

function continues(before: Mapping, mapping: Mapping): boolean {
  return (
    before.inode !== 0n &&
    before.inode === mapping.inode &&
    before.device === mapping.device &&
    (before.end === mapping.start || mapping.offset > before.offset)
  );
}

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
