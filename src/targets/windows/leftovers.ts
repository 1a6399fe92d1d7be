import { sleep } from '../../node/sleep.js';
import type { SuspendCounts } from './suspend-counts.js';

/** How often, and after how many milliseconds, it is looked again. */
const LOOKS = 10;
const BETWEEN = 50;

/**
 * Resumes what a DbgHelp has left suspended when it returned. The process runs already then, and may be suspending threads of its own: so
 * unless all of it stands still, what is not suspended all the time for half a second is left alone.
 *
 * @returns the threads that were resumed
 */
export function resumeLeftovers(counts: SuspendCounts): number[] {
  const { ids, living } = counts.raised();
  if (ids.length === 0) return [];
  let left = new Set(ids);
  if (ids.length < living) {
    for (let i = 0; i < LOOKS && left.size > 0; i++) {
      sleep(BETWEEN);
      left = new Set(counts.raised().ids.filter((id) => left.has(id)));
    }
  }
  return left.size === 0 ? [] : counts.giveBack((id) => left.has(id));
}
