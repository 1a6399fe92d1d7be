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
  return symbol && (yield* describeSymbol(dwarf, symbol, rva));
}

/** The same where DWARF has no function there. */
export function* describeSymbol(
  dwarf: readonly DwarfInfo[],
  { name, start }: { readonly name: string; readonly start: number },
  rva: number,
): Task<FunctionAt> {
  const common = { name, start, parameterSize: 0, inlines: [] };
  for (const one of dwarf) {
    const place = yield* one.lineAt(rva);
    // Code of a unit whose functions are elsewhere (.dwo), or of an assembler: it has lines only.
    if (place)
      return { ...common, file: place.file, line: place.line, lineStart: Math.max(place.start, start) };
  }
  return { ...common, file: undefined, line: undefined, lineStart: undefined };
}
