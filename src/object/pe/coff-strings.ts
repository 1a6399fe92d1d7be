import { readRange, type Source, type Task } from '../../io/index.js';
import { SectionData } from '../section-data.js';
import type { PeHeaders } from './headers.js';

export const SYMBOL_SIZE = 18;

/** The string table, which follows the COFF symbols: texts by offset. Undefined where there is none, or it is cut off. */
export function* openCoffStrings(source: Source, { symbols }: PeHeaders): Task<SectionData | undefined> {
  if (symbols.offset === 0) return undefined;
  const at = symbols.offset + symbols.count * SYMBOL_SIZE;
  if (at + 4 > source.size) return undefined;
  const head = yield* readRange(source, at, 4, 'COFF string table');
  // The size counts its own four bytes.
  const size = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return new SectionData('COFF string table', source, at, Math.min(size, source.size - at));
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Where a long name of a section stands: `/123`, and `//AAmJaA` (base 64) past seven digits, as LLVM writes it. */
export function longNameOffset(name: string): number | undefined {
  if (/^\/\d{1,7}$/.test(name)) return Number(name.slice(1));
  if (!/^\/\/[A-Za-z0-9+/]{1,6}$/.test(name)) return undefined;
  let offset = 0;
  for (const digit of name.slice(2)) offset = offset * 64 + BASE64.indexOf(digit);
  return offset;
}
