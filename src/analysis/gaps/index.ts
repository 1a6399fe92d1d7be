import { runAsync, type Task } from '../../io/index.js';
import type { Analysis } from '../analyze.js';
import { memoryRegionsOf } from '../instruction/index.js';
import { frameGaps } from './frame-gaps.js';
import type { Gap, GapConcern } from './gap.js';
import { memoryGaps } from './memory-gaps.js';
import { streamGaps } from './stream-gaps.js';
import { symbolGaps } from './symbol-gaps.js';

export type { Gap, GapConcern, GapKind } from './gap.js';
export { gapsText } from './gaps-text.js';

const ORDER: Readonly<Record<GapConcern, number>> = { crash: 0, stacks: 1, details: 2, note: 3 };

/**
 * Which symbols, memory and streams a dump lacks, what each costs the answer, and what would bring it: what the thread to blame
 * wants first. Of a dump that has all of it the list is empty, but for a note where nothing crashed.
 *
 * @param analysis of all threads, with the symbols that there are
 */
export function findGaps(analysis: Analysis): Promise<Gap[]> {
  return runAsync(findGapsTask(analysis));
}

/** The same as a task, for runAsync or runSync. */
export function* findGapsTask(analysis: Analysis): Task<Gap[]> {
  const regions = yield* memoryRegionsOf(analysis.dump);
  const found = [
    ...(yield* streamGaps(analysis, regions)),
    ...(yield* memoryGaps(analysis, regions)),
    ...symbolGaps(analysis),
    ...frameGaps(analysis, regions),
  ];
  return found
    .sort((a, b) => ORDER[a.gap.concerns] - ORDER[b.gap.concerns] || a.rank - b.rank)
    .map(({ gap }) => gap);
}
