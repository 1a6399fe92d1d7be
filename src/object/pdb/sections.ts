import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import type { SectionData } from '../section-data.js';

const SECTION_HEADER_SIZE = 40;
/** An image has at most so many. */
const MAX_SECTIONS = 0xffff;
const IMAGE_SCN_MEM_EXECUTE = 0x2000_0000;
const IMAGE_SCN_CNT_CODE = 0x20;

/** The sections of an image: symbols name places by the number of one, from 1, and an offset in it. */
export class PdbSections {
  readonly #starts: Uint32Array;
  readonly #sizes: Uint32Array;
  readonly #flags: Uint32Array;

  private constructor(starts: Uint32Array, sizes: Uint32Array, flags: Uint32Array) {
    this.#starts = starts;
    this.#sizes = sizes;
    this.#flags = flags;
  }

  /** From IMAGE_SECTION_HEADERs, one after the other. */
  static *read(data: SectionData): Task<PdbSections> {
    const count = Math.min(MAX_SECTIONS, Math.floor(data.size / SECTION_HEADER_SIZE));
    const reader = new ByteReader(yield* data.read(0, count * SECTION_HEADER_SIZE), data.name);
    const starts = new Uint32Array(count);
    const sizes = new Uint32Array(count);
    const flags = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      reader.position = i * SECTION_HEADER_SIZE + 8;
      sizes[i] = reader.u32();
      starts[i] = reader.u32();
      reader.position = i * SECTION_HEADER_SIZE + 36;
      flags[i] = reader.u32();
    }
    return new PdbSections(starts, sizes, flags);
  }

  /** The RVA of a place; undefined where there is no such section, or it would lie past 4 GiB. */
  rva(section: number, offset: number): number | undefined {
    const start = this.#starts[section - 1];
    return start === undefined || start + offset >= 2 ** 32 ? undefined : start + offset;
  }

  /** The section that an RVA lies in, and where in it. */
  place(rva: number): { section: number; offset: number } | undefined {
    for (let i = 0; i < this.#starts.length; i++) {
      const offset = rva - this.#starts[i]!;
      if (offset >= 0 && offset < this.#sizes[i]!) return { section: i + 1, offset };
    }
    return undefined;
  }

  isCode(section: number): boolean {
    return ((this.#flags[section - 1] ?? 0) & (IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_CNT_CODE)) !== 0;
  }
}
