/** Most bytes of a number: 2^53 - 1 has 53 bits. */
export const MAX_VARINT = 8;

/**
 * Writes an unsigned number below 2^53 at a place, seven bits a byte, the lowest first, the highest bit set in all but the last
 * (LEB128). There must be room for MAX_VARINT bytes. Gives the place after it.
 */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let to = at;
  while (rest >= 0x80) {
    // Not `& 0x7f` and a shift: it may have more than 32 bits.
    const above = Math.floor(rest / 0x80);
    bytes[to++] = rest - above * 0x80 + 0x80;
    rest = above;
  }
  bytes[to++] = rest;
  return to;
}

/** Signed numbers as unsigned ones: 0, -1, 1, -2 … as 0, 1, 2, 3 … */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Reads such numbers one after the other. Past the end there are zeros; `failed` says that it came to that. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  at: number;
  failed = false;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  unsigned(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < MAX_VARINT && this.at < this.#bytes.length; i++) {
      const byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
    this.failed = true;
    return 0;
  }

  signed(): number {
    const value = this.unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
