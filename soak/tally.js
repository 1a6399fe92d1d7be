/** Counts how often something came, in an object by name. */
export function count(tally, name) {
  tally[name] = (tally[name] ?? 0) + 1;
}
