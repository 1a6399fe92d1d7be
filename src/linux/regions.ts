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

/** A mapping as VirtualQuery would tell of it. */
export function describeRegion(mapping: Mapping): TargetRegion {
  const protection = pageProtection(mapping);
  const image = mapping.inode !== 0n && (mapping.executable || mapping.path.includes('.so'));
  return {
    start: mapping.start,
    end: mapping.end,
    allocationBase: mapping.start,
    state: MemoryState.MEM_COMMIT,
    protection,
    allocationProtection: protection,
    type: image ? MEM_IMAGE : mapping.inode !== 0n || mapping.shared ? MEM_MAPPED : MEM_PRIVATE,
    dumpable: !isOpaque(mapping),
    name: mapping.path,
  };
}
