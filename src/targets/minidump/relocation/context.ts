import type { SelectedParts, TargetModule, TargetThread } from '../../../dump/index.js';
import type { Task } from '../../../io/index.js';
import type { Minidump } from '../../../reader/index.js';
import type { Piece, Pieces } from '../pieces.js';

/** What the relocation of a stream knows of the dump, and of what is left of it. */
export interface RelocationContext {
  readonly dump: Minidump;
  readonly pieces: Pieces;
  readonly selected: SelectedParts;
  /** MINIDUMP_TYPE flags that the new dump has and the old one had not. */
  readonly asked: number;
  /** All of the dump, in the order of its lists. */
  readonly threads: readonly TargetThread[];
  readonly modules: readonly TargetModule[];
  readonly pointerSize: 4 | 8;
  /** Its paths are Windows'. */
  readonly windows: boolean;
}

/** Takes out of a stream what is not left, and finds what it points to. Throws where the stream is broken. */
export type Relocate = (stream: Piece, context: RelocationContext) => Task<void>;

/** Ids of threads that are left out. A thread that no list names is not. */
export function excludedThreads({ threads, selected }: RelocationContext): ReadonlySet<number> {
  const excluded = new Set(threads.map(({ id }) => id));
  for (const { id } of selected.threads.keys()) excluded.delete(id);
  return excluded;
}
