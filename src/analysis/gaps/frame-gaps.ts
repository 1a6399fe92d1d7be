import { LOWEST_INSTRUCTION } from '../../unwind/index.js';
import type { Analysis } from '../analyze.js';
import { type MemoryRegion, regionAt } from '../instruction/index.js';
import type { StackFrame } from '../stack.js';
import { countOf, type Gap, RANK, type RankedGap, threadsText } from './gap.js';

interface Outside {
  readonly threads: Set<number>;
  frames: number;
  blamed: boolean;
}

type Kind = 'unloaded-module' | 'generated-code' | 'module';

/** What a frame is in that is in no loaded module; undefined where it is in one, and where nothing can be. */
export function outsideKind(
  { module, lookupAddress, unloaded }: StackFrame,
  regions: readonly MemoryRegion[],
): Kind | undefined {
  if (module !== undefined || lookupAddress < LOWEST_INSTRUCTION) return undefined;
  if (unloaded.length > 0) return 'unloaded-module';
  if (regions.length === 0) return 'module';
  return regionAt(regions, lookupAddress)?.executable ? 'generated-code' : undefined;
}

/** Frames that are in no loaded module, but where nothing can be: that is what went wrong, and not missing. */
export function frameGaps(analysis: Analysis, regions: readonly MemoryRegion[]): RankedGap[] {
  const found = new Map<string, Outside>();
  for (const [index, { id, stack }] of analysis.threads.entries()) {
    for (const frame of stack.frames) {
      const kind = outsideKind(frame, regions);
      if (kind === undefined) continue;
      const key = `${kind}\n${frame.unloaded.map(({ name }) => name).join(', ')}`;
      const one = found.get(key) ?? { threads: new Set(), frames: 0, blamed: false };
      found.set(key, one);
      one.threads.add(id);
      one.frames++;
      if (index === analysis.requestingThread) one.blamed = true;
    }
  }
  return [...found].map(([key, { threads, frames, blamed }]) => {
    const [kind, name] = key.split('\n') as [Kind, string];
    const ids = [...threads];
    return {
      rank: RANK.module,
      gap: {
        kind,
        concerns: blamed ? 'crash' : 'stacks',
        ...TEXTS[kind](name, `${countOf(frames, 'frame')} of ${threadsText(ids)}`),
        threads: ids,
        frames,
      },
    };
  });
}

const TEXTS: Readonly<
  Record<Kind, (name: string, frames: string) => Pick<Gap, 'missing' | 'cost' | 'remedy'>>
> = {
  'unloaded-module': (name, frames) => ({
    missing: `${name}, which was unloaded`,
    cost: `${frames} without a function; what called them may be a guess`,
    remedy: 'nothing after the fact: whoever unloaded it still had calls in it',
  }),
  'generated-code': (_, frames) => ({
    missing: 'a module at executable memory that was made at run time',
    cost: `${frames} without a function; what called them may be a guess`,
    remedy: 'nothing in a minidump: a compiler at run time knows the names (of V8: node --perf-basic-prof)',
  }),
  module: (_, frames) => ({
    missing: 'a module at addresses on the stacks, and what memory is there',
    cost: `${frames} without a module and a function; they may be wrong`,
    remedy:
      'MiniDumpWithUnloadedModules and MiniDumpWithFullMemoryInfo (--type unloaded-modules,full-memory-info) tell what was there',
  }),
};
