import { encodeString } from '../format/index.js';

export interface Location {
  DataSize: number;
  Rva: number;
}

export const NOWHERE: Location = { DataSize: 0, Rva: 0 };

/**
 * The part of a dump before its memory, built front to back: what is placed gets the next RVA. Streams are 8-aligned and
 * contexts 16-aligned as Crashpad has them; native dumps align less, and readers must not depend on it.
 */
export class Image {
  #bytes = new Uint8Array(64 * 1024);
  #length: number;
  readonly #strings = new Map<string, number>();

  /** Leaves `reserved` bytes at the start for the header and the directory. */
  constructor(reserved: number) {
    this.#length = reserved;
  }

  get length(): number {
    return this.#length;
  }

  place(bytes: Uint8Array, alignment = 8): Location {
    this.align(alignment);
    const Rva = this.#length;
    this.#grow(Rva + bytes.length);
    this.#bytes.set(bytes, Rva);
    this.#length += bytes.length;
    return { DataSize: bytes.length, Rva };
  }

  /** Places a MINIDUMP_STRING, once for each text; gives its RVA. */
  string(text: string): number {
    let rva = this.#strings.get(text);
    if (rva === undefined) {
      rva = this.place(encodeString(text), 4).Rva;
      this.#strings.set(text, rva);
    }
    return rva;
  }

  align(alignment: number): void {
    const length = Math.ceil(this.#length / alignment) * alignment;
    this.#grow(length);
    this.#length = length;
  }

  /** Overwrites what was reserved. */
  set(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(length: number): void {
    if (length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
