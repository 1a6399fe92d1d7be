import { readRange, type Source, type Task } from '../../io/index.js';
import { broken } from '../bytes.js';
import { architectureOf, cpuOf, type MachCpu } from './cpu.js';

const MH_MAGIC = 0xfeedface;
export const MH_MAGIC_64 = 0xfeedfacf;
/** The same, as they look in a file of the other byte order. */
export const MH_CIGAM = 0xcefaedfe;
export const MH_CIGAM_64 = 0xcffaedfe;
const FAT_MAGIC = 0xcafebabe;
const FAT_MAGIC_64 = 0xcafebabf;
/** Bytes of an entry; all of a universal file's header is big-endian. */
const FAT_ARCH_SIZE = 20;
const FAT_ARCH_64_SIZE = 32;
/** Java's class files begin with the same four bytes, and then have a version of 45 or more. */
const MAX_SLICES = 30;

/** One file of a universal ("fat") one. */
export interface MachSlice {
  readonly cpu: MachCpu;
  /** `x86_64`, `arm64e`. */
  readonly architecture: string;
  /** Its bytes. */
  readonly source: Source;
}

/** Whether a file that begins so is a Mach-O file or a universal one. 8 bytes are enough. */
export function isMachO(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, false);
  if (magic === FAT_MAGIC || magic === FAT_MAGIC_64) {
    const count = view.getUint32(4, false);
    return count > 0 && count <= MAX_SLICES;
  }
  return magic === MH_MAGIC || magic === MH_MAGIC_64 || magic === MH_CIGAM || magic === MH_CIGAM_64;
}

/**
 * What a universal file is made of, in its order; undefined where the file is not one. Throws `malformed` where none of them lies
 * inside the file.
 */
export function* readSlices(source: Source): Task<MachSlice[] | undefined> {
  if (source.size < 8) return undefined;
  const head = yield* readRange(source, 0, 8, 'universal header');
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0, false);
  if ((magic !== FAT_MAGIC && magic !== FAT_MAGIC_64) || !isMachO(head)) return undefined;
  const wide = magic === FAT_MAGIC_64;
  const entrySize = wide ? FAT_ARCH_64_SIZE : FAT_ARCH_SIZE;
  const count = view.getUint32(4, false);
  const bytes = yield* readRange(source, 8, count * entrySize, 'universal header');
  const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const slices: MachSlice[] = [];
  for (let at = 0; at < bytes.length; at += entrySize) {
    const type = table.getUint32(at, false);
    const offset = wide ? Number(table.getBigUint64(at + 8, false)) : table.getUint32(at + 8, false);
    const size = wide ? Number(table.getBigUint64(at + 16, false)) : table.getUint32(at + 12, false);
    if (!(offset + size <= source.size)) continue;
    slices.push({
      cpu: cpuOf(type),
      architecture: architectureOf(type, table.getUint32(at + 4, false)),
      source: partOf(source, offset, size),
    });
  }
  if (slices.length === 0)
    throw broken('universal header', `files inside ${source.size} bytes`, `${count} that are not`);
  return slices;
}

/** A range that lies inside a source, as a source of its own. */
function partOf(source: Source, offset: number, size: number): Source {
  return {
    size,
    read: (from, length) => source.read(offset + from, Math.max(0, Math.min(length, size - from))),
  };
}
