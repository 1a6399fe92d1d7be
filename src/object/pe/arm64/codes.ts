import { ByteReader } from '../../bytes.js';

/**
 * What one instruction of a prologue did, or one of an epilogue undoes. Registers have the names of reader/cpu-context.ts; `fp` is x29,
 * and those of floating point are left out of `saved`. Sizes and distances are bytes.
 */
export type Operation =
  /** `sub sp, sp, #size` */
  | { readonly kind: 'allocate'; readonly size: number }
  /** `stp x19, x20, [sp, #at]`; with `grow`, the stack pointer went down by so much before. */
  | {
      readonly kind: 'save';
      readonly registers: readonly (string | undefined)[];
      readonly at: number;
      readonly grow: number;
      /** Bytes of each. */
      readonly width: 8 | 16;
    }
  /** The next pair of registers, behind the one before. */
  | { readonly kind: 'save-next' }
  /** `add fp, sp, #distance` */
  | { readonly kind: 'set-frame'; readonly distance: number }
  | { readonly kind: 'nop' }
  /** Of the last operation in a part of a function: what follows is of the part that it belongs to. */
  | { readonly kind: 'end-chained' }
  /** A stack pointer and an instruction pointer were left on the stack. */
  | { readonly kind: 'machine-frame' }
  /** A whole CONTEXT is on the stack. */
  | { readonly kind: 'context' }
  /** The return address is no place behind a call. */
  | { readonly kind: 'not-called' }
  /** Nobody knows how to undo it: kernel trap frames, vectors of unknown size, what was not defined in 2024. */
  | { readonly kind: 'unknown' };

const integer = (number: number): string | undefined => {
  if (number === 29) return 'fp';
  if (number === 30) return 'lr';
  return number < 29 ? `x${number}` : undefined;
};

export interface Code {
  readonly operation: Operation;
  /** Where it begins, in bytes of codes. */
  readonly at: number;
}

/**
 * Unwind codes up to the one that ends them, as "ARM64 exception handling" of Microsoft has them.
 *
 * @returns undefined at `end`, which is not one of them
 */
function readCode(reader: ByteReader): Operation | undefined {
  const first = reader.u8();
  /** A code of two bytes whose first has so many bits of it. */
  const two = () => ((first & 0xff) << 8) | reader.u8();
  const save = (registers: readonly (string | undefined)[], at: number, grow = 0): Operation => ({
    kind: 'save',
    registers,
    at,
    grow,
    width: 8,
  });
  const x = (from: number, count: number) => Array.from({ length: count }, (_, i) => integer(from + i));
  const d = (count: number): undefined[] => Array.from({ length: count }, () => undefined);
  if (first < 0x20) return { kind: 'allocate', size: first * 16 };
  if (first < 0x40) return save(x(19, 2), 0, (first & 0x1f) * 8);
  if (first < 0x80) return save(['fp', 'lr'], (first & 0x3f) * 8);
  if (first < 0xc0) return save(['fp', 'lr'], 0, ((first & 0x3f) + 1) * 8);
  if (first < 0xc8) return { kind: 'allocate', size: (two() & 0x7ff) * 16 };
  if (first < 0xe0) {
    const code = two();
    const z = (code & 0x3f) * 8;
    const number = (code >> 6) & 15;
    if (first < 0xcc) return save(x(19 + number, 2), z);
    if (first < 0xd0) return save(x(19 + number, 2), 0, z + 8);
    if (first < 0xd4) return save(x(19 + number, 1), z);
    if (first < 0xd6) return save(x(19 + ((code >> 5) & 15), 1), 0, (code & 0x1f) * 8 + 8);
    if (first < 0xd8) return save([integer(19 + 2 * (number & 7)), 'lr'], z);
    if (first < 0xda) return save(d(2), z);
    if (first < 0xdc) return save(d(2), 0, z + 8);
    if (first < 0xde) return save(d(1), z);
    if (first === 0xde) return save(d(1), 0, (code & 0x1f) * 8 + 8);
    // alloc_z: so many times the length of SVE's vectors, which nobody knows here.
    return { kind: 'unknown' };
  }
  switch (first) {
    case 0xe0:
      return { kind: 'allocate', size: (reader.u8() * 0x10000 + reader.u8() * 0x100 + reader.u8()) * 16 };
    case 0xe1:
      return { kind: 'set-frame', distance: 0 };
    case 0xe2:
      return { kind: 'set-frame', distance: reader.u8() * 8 };
    case 0xe3:
      return { kind: 'nop' };
    case 0xe4:
      return undefined;
    case 0xe5:
      return { kind: 'end-chained' };
    case 0xe6:
      return { kind: 'save-next' };
    case 0xe7:
      return anyRegister(reader);
    case 0xe9:
      return { kind: 'machine-frame' };
    case 0xea:
      return { kind: 'context' };
    case 0xec:
      return { kind: 'not-called' };
    // pac_sign_lr: whoever uses the return address takes the signature off.
    case 0xfc:
      return { kind: 'nop' };
    // Reserved, with so many bytes more.
    case 0xf8:
    case 0xf9:
    case 0xfa:
    case 0xfb:
      reader.skip(first - 0xf7);
      return { kind: 'unknown' };
    default:
      return { kind: 'unknown' };
  }
}

/** save_any_reg: any register of any kind, or two. */
function anyRegister(reader: ByteReader): Operation {
  const what = reader.u8();
  const where = reader.u8();
  const kind = where >> 6;
  if (what & 0x80 || kind === 3) return { kind: 'unknown' };
  const [isPair, grows] = [(what & 0x40) !== 0, (what & 0x20) !== 0];
  const number = what & 0x1f;
  const numbers = isPair ? [number, number + 1] : [number];
  const registers = numbers.map((one) => (kind === 0 ? integer(one) : undefined));
  const scale = isPair || grows || kind === 2 ? 16 : 8;
  const distance = ((where & 0x3f) + (grows ? 1 : 0)) * scale;
  const width = kind === 2 ? 16 : 8;
  return { kind: 'save', registers, at: grows ? 0 : distance, grow: grows ? distance : 0, width };
}

/** All codes from `from` on up to `end`, which need not come: then the bytes end. */
export function readCodes(bytes: Uint8Array, from: number): Code[] {
  const reader = new ByteReader(bytes, 'unwind codes', from);
  const codes: Code[] = [];
  while (reader.left > 0) {
    const at = reader.position;
    const operation = readCode(reader);
    if (operation === undefined) break;
    codes.push({ operation, at });
  }
  return codes;
}
