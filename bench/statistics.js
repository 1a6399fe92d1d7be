/** The middle one, or the mean of the two in the middle; undefined of nothing. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? sorted[middle]
    : sorted.length
      ? (sorted[middle - 1] + sorted[middle]) / 2
      : undefined;
}

/**
 * How many times `key` of `results` is that of `base`: the median of the ratios of each round, for a busy moment of the machine is in both. Undefined
 * where no round has both.
 */
export function ratio(results, base, key) {
  const ratios = results.flatMap((result, round) =>
    result?.[key] !== undefined && base[round]?.[key] > 0 ? [result[key] / base[round][key]] : [],
  );
  return median(ratios);
}

/** The median of `key` over the rounds that have it. */
export const medianOf = (results, key) =>
  median(results.flatMap((result) => (result?.[key] === undefined ? [] : [result[key]])));
