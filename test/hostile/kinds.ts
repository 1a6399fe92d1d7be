import { analyses } from './analyses.js';
import { elfFiles } from './elf-files.js';
import type { Kind, Places } from './kind.js';
import { machoFiles } from './macho-files.js';
import { names } from './names.js';
import { pdbFiles } from './pdb-files.js';
import { peFiles } from './pe-files.js';
import { symFiles, symIndexes } from './sym-files.js';
import { trouble } from './trouble.js';

/** By name; how many twentieths of the count each gets. They add up to more than one count since there are so many kinds. */
export const KINDS = {
  analysis: { share: 3, prepare: analyses },
  sym: { share: 4, prepare: symFiles },
  'sym index': { share: 3, prepare: symIndexes },
  elf: { share: 7, prepare: elfFiles },
  'Mach-O': { share: 5, prepare: machoFiles },
  PE: { share: 6, prepare: peFiles },
  pdb: { share: 6, prepare: pdbFiles },
  name: { share: 3, prepare: names },
  trouble: { share: 0, prepare: trouble },
} satisfies Record<string, { share: number; prepare: (places: Places) => Kind | Promise<Kind> }>;

export type KindName = keyof typeof KINDS;
export const ALL_SHARES = 20;
