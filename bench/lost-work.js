// How much of its work a program lost to a dump.

/** It is back to normal when so many slots in a row (of 10 ms) have this share of what it did before. */
const CALM_SLOTS = 10;
const CALM_SHARE = 0.9;

/**
 * How many milliseconds of its work a program lost. `pages` are those that it wrote in each slot of `slotMs`, `from` to `to` the slots of the dump. The
 * slots before are what it does undisturbed; those after count until it is back to that. `slots` is how many were looked at.
 */
export function lostWork(pages, slotMs, from, to) {
  const usual = pages.slice(0, from).reduce((sum, count) => sum + count, 0) / from;
  let end = to;
  for (let calm = 0; end < pages.length && calm < CALM_SLOTS; end++)
    calm = pages[end] >= usual * CALM_SHARE ? calm + 1 : 0;
  const window = pages.slice(from, end);
  const lost = window.reduce((sum, count) => sum + (usual - count) / usual, 0);
  return { lostMs: lost * slotMs, slots: window.length, usual };
}
