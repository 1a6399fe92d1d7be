/** Half-open address ranges `[start, end)`. */
export interface AddressRange {
  start: bigint;
  end: bigint;
}

/** Sorted, with overlapping and touching ranges merged. */
export function mergeRanges(ranges: Iterable<AddressRange>): AddressRange[] {
  const sorted = [...ranges].filter(({ start, end }) => end > start).sort(byStart);
  const merged: AddressRange[] = [];
  for (const { start, end } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) {
      if (end > last.end) last.end = end;
    } else {
      merged.push({ start, end });
    }
  }
  return merged;
}

/** What is in `ranges` and not in `removed`; both sorted and merged. */
export function subtractRanges(
  ranges: readonly AddressRange[],
  removed: readonly AddressRange[],
): AddressRange[] {
  const left: AddressRange[] = [];
  let first = 0;
  for (const range of ranges) {
    let { start } = range;
    while (first < removed.length && removed[first]!.end <= start) first++;
    for (let i = first; i < removed.length && removed[i]!.start < range.end; i++) {
      const hole = removed[i]!;
      if (hole.start > start) left.push({ start, end: hole.start });
      if (hole.end > start) start = hole.end;
    }
    if (start < range.end) left.push({ start, end: range.end });
  }
  return left;
}

/** The parts of `[start, end)` that lie in `ranges`, which are sorted and merged. */
export function intersectRange(ranges: readonly AddressRange[], start: bigint, end: bigint): AddressRange[] {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end > start) high = middle;
    else low = middle + 1;
  }
  const found: AddressRange[] = [];
  for (let i = low; i < ranges.length && ranges[i]!.start < end; i++) {
    const range = ranges[i]!;
    found.push({ start: range.start > start ? range.start : start, end: range.end < end ? range.end : end });
  }
  return found;
}

export const totalSize = (ranges: Iterable<AddressRange>): bigint => {
  let size = 0n;
  for (const { start, end } of ranges) size += end - start;
  return size;
};

function byStart(a: AddressRange, b: AddressRange): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}
