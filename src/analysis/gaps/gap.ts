/** What a gap is of; stable, for programs. */
export type GapKind =
  // symbols
  | 'symbols'
  | 'module-id'
  | 'symbols-damaged'
  | 'functions'
  | 'lines'
  | 'split-debug-information'
  | 'unwind-information'
  // frames outside modules
  | 'unloaded-module'
  | 'generated-code'
  | 'module'
  // memory
  | 'registers'
  | 'stack-memory'
  | 'stack-end'
  | 'accessed-memory'
  | 'instruction'
  | 'disassembler'
  | 'file-end'
  | 'unreadable-memory'
  // streams
  | 'stream'
  | 'broken-stream'
  | 'broken-part'
  | 'exception'
  | 'system-version';

/**
 * What a gap costs: the answer of the thread to blame, stacks of other threads, or something beside the stacks. `note`: nothing that
 * the answer would need.
 */
export type GapConcern = 'crash' | 'stacks' | 'details' | 'note';

/** Something that a dump, or who reads it, does not have. Texts are one line, without a full stop. */
export interface Gap {
  readonly kind: GapKind;
  readonly concerns: GapConcern;
  /** What is missing. */
  readonly missing: string;
  /** What that costs. */
  readonly cost: string;
  /** What would bring it. */
  readonly remedy: string;
  /** Ids of the threads that it concerns, where it concerns some only. */
  readonly threads?: readonly number[];
  /** How many frames it concerns. */
  readonly frames?: number;
  readonly module?: {
    readonly name: string;
    readonly debugFile: string | undefined;
    readonly debugIdentifier: string | undefined;
    readonly codeIdentifier: string | undefined;
  };
  /** Of symbols: the paths under which a folder or a server of symbols would have them, any of which helps. */
  readonly files?: readonly string[];
  /** As StreamType has it, `LinuxMaps`; the number of a type without a name. */
  readonly stream?: string;
}

/** A gap and its place among those of one concern: the lower, the more it costs. */
export interface RankedGap {
  readonly rank: number;
  readonly gap: Gap;
}

/** What stands in the way of all stacks comes first, then single threads, then single modules by their place on the stack, of
 * which there are 1024 frames at most. */
export const RANK = { everything: 0, thread: 100, module: 1000, crash: 20_000, beside: 30_000 } as const;

/** `1 frame`, `3 frames` */
export const countOf = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** `3 callers found by scanning …` */
export const guessesText = (callers: number): string =>
  `${countOf(callers, 'caller')} found by scanning the stack, which ${callers === 1 ? 'is a guess' : 'are guesses'}`;

/** The hundreds of threads of a server do not fit into a line. */
const MOST_NAMED = 4;

/** `thread 12`, `threads 12, 13 and 7 more` */
export function threadsText(ids: readonly number[]): string {
  const named = ids.slice(0, MOST_NAMED).join(', ');
  const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '';
  return `thread${ids.length === 1 ? '' : 's'} ${named}${more}`;
}
