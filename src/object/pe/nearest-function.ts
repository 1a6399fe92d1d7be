import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { PeFrames } from './frames.js';
import type { PeFunction, PeFunctions } from './functions.js';

/**
 * The function of a table that an RVA is in. The table has no sizes, and exports are few: where unwind data say that another function, which
 * has no name there, begins between the two, the name is not taken.
 */
export function* nearestFunction(
  table: PeFunctions,
  frames: PeFrames | undefined,
  rva: number,
): Task<PeFunction | undefined> {
  const found = yield* table.at(rva);
  const range = frames && (yield* unlessBroken(frames.rangeAt(rva)));
  if (range === undefined) return found;
  if (range.functionStart !== range.start) {
    // A part that was moved away from its function: it has the name of that.
    const whole = yield* table.at(range.functionStart);
    if (whole?.start === range.functionStart && whole.start <= rva) return whole;
    if (whole?.start === range.functionStart) return { name: whole.name, start: range.start };
  }
  return found === undefined || found.start < range.start ? undefined : found;
}
