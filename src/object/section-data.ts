import { readRange, type Source, type Task } from '../io/index.js';
import { broken, cString } from './bytes.js';

/** So much is read at once where little is asked for. */
const BLOCK = 32 * 1024;
/** 1 MiB of them is kept. */
const MAX_BLOCKS = 32;
/** No text of a symbol table or of DWARF is longer; names of C++ templates reach some 100 KB. */
const MAX_TEXT = 4 * 1024 * 1024;

/**
 * The bytes of one section, read when they are asked for. Small reads go through a few blocks that are kept, large ones
 * straight to the source.
 */
export class SectionData {
  /** The name of the section, in errors. */
  readonly name: string;
  readonly size: number;
  readonly #source: Source;
  readonly #offset: number;
  readonly #blocks = new Map<number, Uint8Array>();

  /** The range must lie inside the source; what `ElfFile` gives does. */
  constructor(name: string, source: Source, offset: number, size: number) {
    this.name = name;
    this.size = size;
    this.#source = source;
    this.#offset = offset;
  }

  /** Exactly so many bytes; `malformed` if they are not there. */
  *read(offset: number, length: number): Task<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw broken(this.name, `a range inside ${this.size} bytes`, `${length} bytes at ${offset}`);
    }
    if (length === 0) return new Uint8Array();
    const first = Math.floor(offset / BLOCK);
    const last = Math.floor((offset + length - 1) / BLOCK);
    if (last > first + 1) return yield* readRange(this.#source, this.#offset + offset, length, this.name);
    const block = yield* this.#block(first);
    const start = offset - first * BLOCK;
    if (last === first) return block.subarray(start, start + length);
    const next = yield* this.#block(last);
    const both = new Uint8Array(length);
    both.set(block.subarray(start));
    both.set(next.subarray(0, length - (block.length - start)), block.length - start);
    return both;
  }

  /** A part of it, as a section of its own; `malformed` if it is none. */
  slice(offset: number, size: number): SectionData {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.size)) {
      throw broken(this.name, `a range inside ${this.size} bytes`, `${size} bytes at ${offset}`);
    }
    return new SectionData(this.name, this.#source, this.#offset + offset, size);
  }

  /** The same, past the kept blocks: for one look at a place that nobody comes back to. */
  *glance(offset: number, length: number): Task<Uint8Array> {
    const there = Math.max(0, Math.min(length, this.size - offset));
    return yield* readRange(this.#source, this.#offset + offset, there, this.name);
  }

  /** The text at an offset, up to its NUL. */
  *text(offset: number): Task<string> {
    for (let length = 256; ; length *= 8) {
      const there = Math.min(length, this.size - offset);
      const bytes = yield* this.read(offset, there);
      const text = cString(bytes);
      if (text !== undefined) return text;
      if (there < length || length > MAX_TEXT)
        throw broken(this.name, 'a text that ends', `none at ${offset}`);
    }
  }

  *#block(index: number): Task<Uint8Array> {
    const known = this.#blocks.get(index);
    if (known) {
      // The one that was used last is the last to go.
      this.#blocks.delete(index);
      this.#blocks.set(index, known);
      return known;
    }
    const at = index * BLOCK;
    const length = Math.min(BLOCK, this.size - at);
    const bytes = yield* readRange(this.#source, this.#offset + at, length, this.name);
    if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
    this.#blocks.set(index, bytes);
    return bytes;
  }
}
