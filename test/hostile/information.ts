import { runSync } from '../../src/io/index.js';
import type { CfiRow, FrameView } from '../../src/object/cfi.js';
import type { DebugInformation } from '../../src/object/debug-information.js';

/** A frame in which each register and each word of memory is an address. */
const view: FrameView = { register: () => 0x7fff_0000n, read: (address) => address + 16n };

/** What is an address later on is made a bigint: it must be a whole number. */
export function askFunction(information: DebugInformation, rva: number): void {
  const found = runSync(information.functionAt(rva));
  if (found && !(Number.isInteger(found.start) && Number.isInteger(found.lineStart ?? 0)))
    throw new Error(`a function at ${found.start}, its line at ${found.lineStart}`);
}

/** Applies all rules. */
export function applyRow(row: CfiRow | undefined): void {
  const cfa = row?.cfa(view, undefined);
  row?.returnAddress(view, cfa);
  for (const rule of row?.registers.values() ?? []) rule(view, cfa);
}
