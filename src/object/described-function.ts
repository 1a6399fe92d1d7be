import type { Task } from '../io/index.js';
import type { FunctionAt } from './debug-information.js';
import { isMangled } from './demangle/index.js';
import type { DwarfInfo } from './dwarf/dwarf-info.js';

/**
 * The function at an RVA, by DWARF and by a symbol table together.
 *
 * @param dwarf the best first
 * @param symbol what the symbol table has there
 */
export function* describeFunction(
  dwarf: readonly DwarfInfo[],
  symbol: { readonly name: string; readonly start: number } | undefined,
  rva: number,
): Task<FunctionAt | undefined> {
  for (const one of dwarf) {
    const found = yield* one.functionAt(rva);
    if (found === undefined) continue;
    // GCC leaves the linkage names of functions with local template arguments out; the symbol has it.
    const better = symbol?.start === found.start && isMangled(symbol.name) && !isMangled(found.name);
    const nameless = found.name === '??' && symbol !== undefined;
    return better || nameless ? { ...found, name: symbol.name } : found;
  }
  if (symbol === undefined) return undefined;
  let place: Pick<FunctionAt, 'file' | 'line' | 'lineStart'> | undefined;
  for (const one of dwarf) {
    const line = yield* one.lineAt(rva);
    // Code of a unit whose functions are elsewhere (.dwo), or of an assembler: it has lines only.
    if (line) place ??= { file: line.file, line: line.line, lineStart: Math.max(line.start, symbol.start) };
  }
  return {
    name: symbol.name,
    start: symbol.start,
    file: undefined,
    line: undefined,
    lineStart: undefined,
    ...place,
    parameterSize: 0,
    inlines: [],
  };
}
