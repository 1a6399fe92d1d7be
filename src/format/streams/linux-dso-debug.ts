import { at, type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements, writeElements } from './list.js';

/** `r_debug` of the dynamic linker in a 32-bit process. The bytes of the program's .dynamic section follow. */
export const MDRawDebug32 = struct('MDRawDebug32', {
  version: u32,
  /** Of dso_count MDRawLinkMap32 */
  map: u32,
  dso_count: u32,
  brk: u32,
  ldbase: u32,
  /** Address of the .dynamic section */
  dynamic: u32,
});

/** The same of a 64-bit process. */
export const MDRawDebug64 = struct('MDRawDebug64', {
  version: u32,
  /** Of dso_count MDRawLinkMap64 */
  map: u32,
  dso_count: u32,
  brk: at(16, u64),
  ldbase: u64,
  dynamic: u64,
});

/** A loaded object as the dynamic linker lists it (`link_map`). */
export const MDRawLinkMap32 = struct('MDRawLinkMap32', {
  /** What was added to the addresses of the file */
  addr: u32,
  /** Of a MINIDUMP_STRING */
  name: u32,
  /** Address of its .dynamic section */
  ld: u32,
});

export const MDRawLinkMap64 = struct('MDRawLinkMap64', {
  addr: u64,
  name: u32,
  ld: at(16, u64),
});

export type PointerSize = 4 | 8;

/** The widest of both sizes: all addresses are bigint. */
export type DsoDebug = ValueOf<typeof MDRawDebug64> & { dynamicSection: Uint8Array };
export type LinkMap = ValueOf<typeof MDRawLinkMap64>;

/** The stream does not tell its own width: the architecture does. */
export function decodeDsoDebug(bytes: Uint8Array, pointerSize: PointerSize, littleEndian = true): DsoDebug {
  const structure = pointerSize === 8 ? MDRawDebug64 : MDRawDebug32;
  checkLength('LinuxDsoDebug', bytes, structure.size);
  const debug = structure.decode(bytes, 0, littleEndian);
  return {
    ...debug,
    brk: BigInt(debug.brk),
    ldbase: BigInt(debug.ldbase),
    dynamic: BigInt(debug.dynamic),
    dynamicSection: bytes.slice(structure.size),
  };
}

export function linkMapSize(pointerSize: PointerSize): number {
  return pointerSize === 8 ? MDRawLinkMap64.size : MDRawLinkMap32.size;
}

export function decodeLinkMaps(
  bytes: Uint8Array,
  count: number,
  pointerSize: PointerSize,
  littleEndian = true,
): LinkMap[] {
  const size = linkMapSize(pointerSize);
  if (pointerSize === 8) {
    return decodeElements('LinuxDsoDebug', MDRawLinkMap64, bytes, 0, count, size, littleEndian);
  }
  return decodeElements('LinuxDsoDebug', MDRawLinkMap32, bytes, 0, count, size, littleEndian).map(
    ({ addr, name, ld }) => ({ addr: BigInt(addr), name, ld: BigInt(ld) }),
  );
}

export function encodeDsoDebug(
  debug: InputOf<typeof MDRawDebug64>,
  dynamicSection: Uint8Array,
  pointerSize: PointerSize,
): Uint8Array {
  const { brk = 0n, ldbase = 0n, dynamic = 0n } = debug;
  const head =
    pointerSize === 8
      ? MDRawDebug64.encode(debug)
      : MDRawDebug32.encode({
          ...debug,
          brk: Number(brk),
          ldbase: Number(ldbase),
          dynamic: Number(dynamic),
        });
  const bytes = new Uint8Array(head.length + dynamicSection.length);
  bytes.set(head);
  bytes.set(dynamicSection, head.length);
  return bytes;
}

/** What `map` of the stream points to. */
export function encodeLinkMaps(
  maps: readonly InputOf<typeof MDRawLinkMap64>[],
  pointerSize: PointerSize,
): Uint8Array {
  const bytes = new Uint8Array(maps.length * linkMapSize(pointerSize));
  if (pointerSize === 8) writeElements(MDRawLinkMap64, maps, bytes, 0);
  else {
    const narrow = maps.map(({ addr = 0n, name, ld = 0n }) => ({ addr: Number(addr), name, ld: Number(ld) }));
    writeElements(MDRawLinkMap32, narrow, bytes, 0);
  }
  return bytes;
}
