import { constants } from '../layout.js';
import type { PointerSize } from './linux-dso-debug.js';
import { malformed } from './list.js';

/** What the kernel tells a new program (elf.h, asm/auxvec.h). */
export const auxiliaryTypes = constants({
  AT_NULL: 0,
  AT_IGNORE: 1,
  AT_EXECFD: 2,
  AT_PHDR: 3,
  AT_PHENT: 4,
  AT_PHNUM: 5,
  AT_PAGESZ: 6,
  AT_BASE: 7,
  AT_FLAGS: 8,
  AT_ENTRY: 9,
  AT_NOTELF: 10,
  AT_UID: 11,
  AT_EUID: 12,
  AT_GID: 13,
  AT_EGID: 14,
  AT_PLATFORM: 15,
  AT_HWCAP: 16,
  AT_CLKTCK: 17,
  AT_SECURE: 23,
  AT_BASE_PLATFORM: 24,
  AT_RANDOM: 25,
  AT_HWCAP2: 26,
  AT_RSEQ_FEATURE_SIZE: 27,
  AT_RSEQ_ALIGN: 28,
  AT_HWCAP3: 29,
  AT_HWCAP4: 30,
  AT_EXECFN: 31,
  AT_SYSINFO: 32,
  AT_SYSINFO_EHDR: 33,
  AT_MINSIGSTKSZ: 51,
});
export const AuxiliaryType = auxiliaryTypes.values;

export interface AuxiliaryValue {
  /** AuxiliaryType */
  type: number;
  name: string | undefined;
  value: bigint;
}

/** /proc/PID/auxv: pairs of two words up to AT_NULL. */
export function decodeAuxv(
  bytes: Uint8Array,
  pointerSize: PointerSize,
  littleEndian = true,
): AuxiliaryValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): bigint =>
    pointerSize === 8 ? view.getBigUint64(at, littleEndian) : BigInt(view.getUint32(at, littleEndian));
  const values: AuxiliaryValue[] = [];
  for (let at = 0; at + 2 * pointerSize <= bytes.length; at += 2 * pointerSize) {
    const type = word(at);
    if (type === 0n) break;
    if (type > 0xffffffffn) {
      throw malformed('LinuxAuxv', `words of ${pointerSize} bytes`, `type 0x${type.toString(16)}`);
    }
    values.push({
      type: Number(type),
      name: auxiliaryTypes.nameOf(Number(type)),
      value: word(at + pointerSize),
    });
  }
  return values;
}
