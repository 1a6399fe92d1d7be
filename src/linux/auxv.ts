/** Entries of /proc/PID/auxv. */
export function parseAuxv(bytes: Uint8Array): Map<number, bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<number, bigint>();
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const type = Number(view.getBigUint64(at, true));
    if (type === 0) break;
    entries.set(type, view.getBigUint64(at + 8, true));
  }
  return entries;
}

export const AT_PHDR = 3;
export const AT_PHNUM = 5;
export const AT_ENTRY = 9;
export const AT_PLATFORM = 15;
export const AT_HWCAP = 16;
export const AT_RANDOM = 25;
export const AT_EXECFN = 31;
export const AT_SYSINFO_EHDR = 33;
