import { MinidumpError } from '../../src/io/index.js';

/** A number below `below`. */
export type Random = (below: number) => number;

/** One kind of input, and what is done with it. */
export interface Kind {
  /** Makes a damaged input and uses it; throws for what must not come out. Gives the size of the input in bytes. */
  attempt(random: Random, index: number): number;
}

/** Where the inputs come from: the corpus, and files that the test has compiled. */
export interface Places {
  corpus: string;
  /** For what is loaded from node_modules. */
  root: string;
  elf: readonly string[];
}

/** Runs what may fail with a MinidumpError, and only with that. */
export function tolerate<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    return undefined;
  }
}

export const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!;
