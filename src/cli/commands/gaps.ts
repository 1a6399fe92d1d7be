import { analyze, findGaps, gapsText } from '../../analysis/index.js';
import { loadDisassembler } from '../disassembler.js';
import { withDump } from '../dump-file.js';
import { out, print, printJson } from '../output.js';
import { openSymbolSearch, type SymbolOptions } from '../symbol-options.js';
import { printable } from '../text.js';

export interface GapsArguments extends SymbolOptions {
  json?: boolean;
}

/** `mdmp gaps FILE [SYMBOLS…]`: what is missing, what it costs, and what would bring it. */
export async function gaps(file: string, symbolPaths: string[], options: GapsArguments): Promise<void> {
  using search = await openSymbolSearch(symbolPaths, options);
  const { symbols } = search;
  await withDump(file, async (dump) => {
    const disassembler = dump.entry('exception') && loadDisassembler();
    await search.prefetch(dump);
    const found = await findGaps(await analyze(dump, { symbols, disassembler }));
    search.warn();
    if (options.json) return await printJson(found);
    // Colours are put on after names have been made safe to print.
    const safe = found.map((gap) => ({
      ...gap,
      missing: printable(gap.missing),
      cost: printable(gap.cost),
      remedy: printable(gap.remedy),
    }));
    await print(gapsText(safe, { title: out.bold, label: out.dim }));
  });
}
