import type { AddressRange } from '../dump/ranges.js';
import type { Mapping } from './maps.js';

/**
 * What of ranges is mapped from their start on. Addresses that come out of a process's own memory may lead anywhere.
 *
 * @param find gives the mapping that holds an address
 */
export function clipToMapped(
  ranges: readonly AddressRange[],
  find: (address: bigint) => Mapping | undefined,
): AddressRange[] {
  return ranges.flatMap(({ start, end }) => {
    let to = start;
    while (to < end) {
      const mapping = find(to);
      if (mapping === undefined) break;
      to = mapping.end;
    }
    if (to > end) to = end;
    return to > start ? [{ start, end: to }] : [];
  });
}
