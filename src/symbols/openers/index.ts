import { elfOpener } from './elf.js';
import type { Opener } from './opener.js';
import { symOpener } from './sym.js';

export { HEAD, type JoinedSymbols, type Opener, type Opening, type SymbolPart } from './opener.js';

const OPENERS: readonly Opener[] = [elfOpener, symOpener];

/**
 * By what the first bytes of a file say that it is.
 *
 * @param isSym it lies where only .sym files do: one without a MODULE record is taken, too
 */
export function openerFor(head: Uint8Array, isSym: boolean): Opener | undefined {
  return OPENERS.find((opener) => opener.recognizes(head)) ?? (isSym ? symOpener : undefined);
}
