const AT_PHENT = 4;
export const AT_PHDR = 3;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_ENTRY = 9;
export const AT_PLATFORM = 15;
export const AT_HWCAP = 16;
export const AT_RANDOM = 25;
export const AT_EXECFN = 31;
export const AT_SYSINFO_EHDR = 33;

/** Entries of /proc/PID/auxv: a type and a value, each as wide as an address. */
export function parseAuxv(bytes: Uint8Array, pointerSize: 4 | 8 = 8): Map<number, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) =>
    pointerSize === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  const entries = new Map<number, bigint>();
  for (let at = 0; at + 2 * pointerSize <= bytes.length; at += 2 * pointerSize) {
    const type = Number(word(at));
    if (type === 0) break;
    entries.set(type, word(at + pointerSize));
  }
  return entries;
}

/**
 * The width of addresses in a process, told by the size of its program headers (56 bytes with 64-bit addresses, 32 with
 * 32-bit ones), which the kernel says in the auxiliary vector itself.
 */
export function auxvPointerSize(bytes: Uint8Array): 4 | 8 {
  if (parseAuxv(bytes, 8).get(AT_PHENT) === 56n) return 8;
  return parseAuxv(bytes, 4).get(AT_PHENT) === 32n ? 4 : 8;
}
