import { BROKEN, type Fields } from './fields.js';
import type { RowList } from './lists.js';
import { type SymTables, WINDOWS } from './tables.js';

const FRAME_DATA = 4;
const FPO = 0;

/**
 * STACK WIN type start size prolog epilog parameters saved-registers locals max-stack has-program rest, all hexadecimal.
 * Other types than frame data and FPO are not used by anyone.
 */
export function addWindowsFrame(tables: SymTables, bytes: Uint8Array, fields: Fields): boolean {
  const type = fields.hex32();
  const numbers: number[] = [];
  for (let column: number = WINDOWS.start; column <= WINDOWS.maxStackSize; column++) {
    numbers.push(fields.hex32());
  }
  const hasProgram = fields.hex32();
  if (type === BROKEN || hasProgram === BROKEN || numbers.includes(BROKEN)) return false;
  if (type !== FRAME_DATA && type !== FPO) return true;
  // Seen to disagree: nobody knows then which of them is true. rust-minidump drops it too, Breakpad believes what is written.
  if ((type === FRAME_DATA) !== (hasProgram !== 0)) return true;
  const list = type === FRAME_DATA ? tables.frameData : tables.fpo;
  const [start, size] = numbers as [number, number];
  if (size === 0 || !makeRoom(list, start, size)) return true;
  const row = list.add();
  list.numbers.set(numbers, row);
  const program = type === FRAME_DATA ? tables.strings.add(bytes, fields.rest(), fields.end) : 0;
  list.numbers[row + WINDOWS.program] = program;
  // rust-minidump takes only the text "1" for yes, Breakpad all that is not zero. Nobody writes anything else.
  list.numbers[row + WINDOWS.allocatesBasePointer] = type === FPO && fields.hex32() > 0 ? 1 : 0;
  return true;
}

/**
 * Records of one function are written from its outermost range inwards, each to the end: the one that starts later ends the
 * one before it in the file. So does rust-minidump, which drops other overlaps.
 */
function makeRoom(list: RowList, start: number, size: number): boolean {
  if (list.length === 0) return true;
  const last = (list.length - 1) * WINDOWS.width;
  const lastStart = list.numbers[last + WINDOWS.start]!;
  const lastSize = list.numbers[last + WINDOWS.size]!;
  if (start >= lastStart + lastSize || start + size <= lastStart) return true;
  if (start > lastStart) {
    list.numbers[last + WINDOWS.size] = start - lastStart;
    return true;
  }
  return start === lastStart && size === lastSize;
}
