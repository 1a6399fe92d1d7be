import type { SelectedParts } from '../../../dump/index.js';
import type { Task } from '../../../io/index.js';
import type { Minidump } from '../../../reader/index.js';
import type { Piece, Pieces } from '../pieces.js';
import type { KeptParts } from './kept.js';

/** What the relocation of a stream knows of the dump, and of what is left of it. */
export interface RelocationContext {
  readonly dump: Minidump;
  readonly pieces: Pieces;
  readonly selected: SelectedParts;
  /** MINIDUMP_TYPE flags that the new dump has and the old one had not. */
  readonly asked: number;
  /** Of threads and modules. */
  readonly kept: KeptParts;
  readonly pointerSize: 4 | 8;
  /** Its paths are Windows'. */
  readonly windows: boolean;
}

/** Takes out of a stream what is not left, and finds what it points to. Throws where the stream is broken. */
export type Relocate = (stream: Piece, context: RelocationContext) => Task<void>;
