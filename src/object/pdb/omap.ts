import type { Task } from '../../io/index.js';
import { NumberList, orderBy, upperBound } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { eachRow } from './pieces.js';

/** A range of the image, and how far into the range that was asked for it begins. */
export interface MappedRange {
  readonly start: number;
  readonly size: number;
  readonly from: number;
}

/**
 * One direction of OMAP: where the pieces of an image went when a tool rearranged it after linking (BBT, Syzygy). Each row holds
 * up to the next one; a target of 0 says that the piece is gone.
 */
export class Omap {
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;

  private constructor(from: Uint32Array, to: Uint32Array) {
    this.#from = from;
    this.#to = to;
  }

  static *read(data: SectionData): Task<Omap> {
    const rows = new NumberList();
    yield* eachRow(data, 0, 8, (view, at) => {
      rows.push(view.getUint32(at, true));
      rows.push(view.getUint32(at + 4, true));
    });
    const order = orderBy(rows.length / 2, (i) => rows.at(i * 2));
    return new Omap(
      Uint32Array.from(order, (i) => rows.at(i * 2)),
      Uint32Array.from(order, (i) => rows.at(i * 2 + 1)),
    );
  }

  map(rva: number): number | undefined {
    const row = upperBound(this.#from, rva) - 1;
    const target = this.#to[row];
    if (target === undefined || target === 0) return undefined;
    const mapped = target + rva - this.#from[row]!;
    return mapped < 2 ** 32 ? mapped : undefined;
  }

  /** The pieces that a range became, without those that are gone. */
  *mapRange(start: number, size: number): Iterable<MappedRange> {
    const end = start + size;
    let row = upperBound(this.#from, start) - 1;
    for (let at = start; at < end; row++) {
      const next = Math.min(end, this.#from[row + 1] ?? end);
      const mapped = next > at ? this.map(at) : undefined;
      if (mapped !== undefined) yield { start: mapped, size: next - at, from: at - start };
      at = Math.max(at, next);
    }
  }
}

/** Both directions, and the identity where nothing was rearranged. All tables of a PDB speak of the image as it was linked. */
export class PdbAddresses {
  readonly #toSource: Omap | undefined;
  readonly #fromSource: Omap | undefined;

  constructor(toSource?: Omap, fromSource?: Omap) {
    // One without the other is of no use.
    this.#toSource = fromSource && toSource;
    this.#fromSource = toSource && fromSource;
  }

  get rearranged(): boolean {
    return this.#fromSource !== undefined;
  }

  /** RVA of the image to RVA as it was linked. */
  linked(rva: number): number | undefined {
    return this.#toSource === undefined ? rva : this.#toSource.map(rva);
  }

  /** RVA as it was linked to RVA of the image. */
  image(rva: number): number | undefined {
    return this.#fromSource === undefined ? rva : this.#fromSource.map(rva);
  }

  /** The same for a range. */
  imageRanges(start: number, size: number): Iterable<MappedRange> {
    return this.#fromSource === undefined
      ? [{ start, size, from: 0 }]
      : this.#fromSource.mapRange(start, size);
  }
}
