import { type FolderFile, MinidumpError, type Task } from '../../io/index.js';
import { elfOpener } from './elf.js';
import { machOpener } from './mach.js';
import { type FileIdentity, headOf, type IdentifyOptions, type Opener } from './opener.js';
import { pdbOpener } from './pdb.js';
import { peOpener } from './pe.js';
import { symOpener } from './sym.js';

export {
  type FileIdentity,
  headOf,
  type JoinedSymbols,
  type Opener,
  type Opening,
  type SymbolPart,
} from './opener.js';

const OPENERS: readonly Opener[] = [elfOpener, peOpener, pdbOpener, machOpener, symOpener];

/**
 * By what the first bytes of a file say that it is.
 *
 * @param isSym it lies where only .sym files do: one without a MODULE record is taken, too
 */
export function openerFor(head: Uint8Array, isSym: boolean): Opener | undefined {
  return OPENERS.find((opener) => opener.recognizes(head)) ?? (isSym ? symOpener : undefined);
}

/** Of which module a file is; of several if it is a universal one. Throws `unsupported` for one that no .sym file can be made of. */
export function* identifyFile(file: FolderFile, options: IdentifyOptions): Task<readonly FileIdentity[]> {
  const opener = openerFor(yield* headOf(file), false);
  if (opener?.identify) return [yield* opener.identify(file, options)].flat();
  const what =
    opener === undefined
      ? 'it is none of the files that mdmp makes .sym files of'
      : 'it is a .sym file already';
  throw new MinidumpError('unsupported', `${file.name}: ${what}`);
}

export const isSymOpener = (opener: Opener | undefined): boolean => opener === symOpener;
