import { type AddressRange, intersectRange, mergeRanges } from '../dump/ranges.js';
import { findMapping } from './stacks.js';

/** What of ranges is mapped from their start on. Addresses that come out of a process's own memory may lead anywhere. */
export class MappedExtents {
  #of: readonly AddressRange[] | undefined;
  #extents: readonly AddressRange[] = [];

  /** @param mappings as long as they are the same array, they are looked through once */
  clip(ranges: readonly AddressRange[], mappings: readonly AddressRange[]): AddressRange[] {
    if (this.#of !== mappings) {
      this.#of = mappings;
      this.#extents = mergeRanges(mappings);
    }
    return ranges.flatMap(({ start, end }) => {
      const extent = findMapping(this.#extents, start);
      if (extent === undefined) return [];
      return intersectRange([extent], start, end);
    });
  }
}
