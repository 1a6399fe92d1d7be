import type { AddressRange } from '../dump/ranges.js';
import type { TargetLinkMap } from '../dump/target.js';
import { DT_DEBUG, parseDynamic } from '../object/elf.js';
import type { Mapping } from './maps.js';
import type { NptlLayout } from './nptl.js';
import type { Stat } from './stat.js';

/** r_debug, and its successor with one pointer more (r_debug_extended). */
const R_DEBUG_SIZE = 48n;
/** The public part of link_map. */
const LINK_MAP_SIZE = 40n;

/**
 * Memory that describes a process: what the kernel laid above the first stack pointer (argument count, pointers to arguments
 * and environment, auxiliary vector, their texts), the texts again if they were moved (prctl PR_SET_MM_*), and the
 * dynamic linker's list: r_debug, each link_map with its name, the dynamic section of the program.
 *
 * @param layout how far a link_map goes that tells a debugger of thread-local variables
 */
export function processRanges(
  stat: Stat,
  mappings: readonly Mapping[],
  linkMap: TargetLinkMap | undefined,
  layout: NptlLayout | undefined,
): AddressRange[] {
  const ranges: AddressRange[] = [];
  const add = (start: bigint, end: bigint) => {
    if (start !== 0n && end > start) ranges.push({ start, end });
  };
  const stack = mappings.find(({ start, end }) => stat.startStack >= start && stat.startStack < end);
  if (stack !== undefined) add(stat.startStack, stack.end);
  add(stat.argStart, stat.argEnd);
  add(stat.envStart, stat.envEnd);
  if (linkMap !== undefined) {
    const { dynamicAddress, dynamic, objects } = linkMap;
    add(dynamicAddress, dynamicAddress + BigInt(dynamic.length));
    const debug = parseDynamic(dynamic).get(DT_DEBUG) ?? 0n;
    add(debug, debug + R_DEBUG_SIZE);
    const tlsEnd = layout === undefined ? 0n : BigInt(Math.max(layout.tlsModule, layout.tlsOffset) + 8);
    const size = tlsEnd > LINK_MAP_SIZE ? tlsEnd : LINK_MAP_SIZE;
    for (const { at, nameAddress, name } of objects) {
      add(at, at + size);
      add(nameAddress, nameAddress + BigInt(new TextEncoder().encode(name).length + 1));
    }
  }
  return ranges;
}
