import { readRange, type Task } from '../../io/index.js';
import { paddedText } from '../bytes.js';
import { NumberList } from '../number-list.js';
import { openCoffStrings, SYMBOL_SIZE } from './coff-strings.js';
import { PeFunctions } from './functions.js';
import { isCode } from './headers.js';
import type { PeFile } from './pe-file.js';

const CHUNK = 14_000 * SYMBOL_SIZE;
const IMAGE_SYM_CLASS_EXTERNAL = 2;
const IMAGE_SYM_CLASS_STATIC = 3;
/** IMAGE_SYM_DTYPE_FUNCTION, in the bits above those of the base type. */
const DTYPE_FUNCTION = 2;

/** The functions in the COFF symbol table, where mingw keeps all names; undefined where there is none. */
export function* readCoffSymbols(file: PeFile): Task<PeFunctions | undefined> {
  const { source, headers } = file;
  const { offset, count } = headers.symbols;
  if (offset === 0 || count === 0 || offset >= source.size) return undefined;
  const size = Math.min(count, Math.floor((source.size - offset) / SYMBOL_SIZE)) * SYMBOL_SIZE;
  const [starts, names, ranks] = [new NumberList(), new NumberList(), new NumberList()];
  let skipped = 0;
  for (let from = 0; from < size; from += CHUNK) {
    const length = Math.min(CHUNK, size - from);
    const bytes = yield* readRange(source, offset + from, length, 'COFF symbols');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < length; at += SYMBOL_SIZE) {
      // Auxiliary records follow a symbol, and may do so in the next piece.
      if (skipped > 0) {
        skipped--;
        continue;
      }
      skipped = view.getUint8(at + 17);
      const section = file.sections[view.getUint16(at + 12, true) - 1];
      if (section === undefined || !isCode(section)) continue;
      const isFunction = view.getUint16(at + 14, true) >> 4 === DTYPE_FUNCTION;
      const storage = view.getUint8(at + 16);
      // Labels of an assembler have no type.
      const external = storage === IMAGE_SYM_CLASS_EXTERNAL;
      if (!external && !(isFunction && storage === IMAGE_SYM_CLASS_STATIC)) continue;
      const start = section.address + view.getUint32(at + 8, true);
      if (start >= section.address + (section.virtualSize || section.size)) continue;
      starts.push(start);
      names.push((from + at) / SYMBOL_SIZE);
      ranks.push((isFunction ? 2 : 0) + (external ? 1 : 0));
    }
  }
  const strings = yield* openCoffStrings(source, headers);
  const total = starts.length;
  return new PeFunctions(headers, {
    starts: Uint32Array.from({ length: total }, (_, i) => starts.at(i)),
    names: Uint32Array.from({ length: total }, (_, i) => names.at(i)),
    ranks: Uint8Array.from({ length: total }, (_, i) => ranks.at(i)),
    count: total,
    textSize: (strings?.size ?? 0) + total * 8,
    *nameOf(index) {
      const record = yield* readRange(source, offset + index * SYMBOL_SIZE, 8, 'COFF symbol');
      const view = new DataView(record.buffer, record.byteOffset, 8);
      if (view.getUint32(0, true) !== 0) return paddedText(record);
      const at = view.getUint32(4, true);
      return strings && at >= 4 && at < strings.size ? yield* strings.text(at) : undefined;
    },
  });
}
