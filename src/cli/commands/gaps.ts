import { analyzeTask, findGapsTask, gapsText } from '../../analysis/index.js';
import { runSync } from '../../io/index.js';
import { loadDisassembler } from '../disassembler.js';
import { withDump } from '../dump-file.js';
import { out, print, printJson } from '../output.js';
import { openSymbols } from '../symbol-places.js';
import { printable } from '../text.js';

export interface GapsArguments {
  json?: boolean;
  symbolsPath?: string[];
  symbolsCache?: string;
  useLocalDebuginfo?: boolean;
}

/** `mdmp gaps FILE [SYMBOLS…]`: what is missing, what it costs, and what would bring it. */
export async function gaps(file: string, symbolPaths: string[], options: GapsArguments): Promise<void> {
  using symbols = openSymbols({
    paths: [...symbolPaths, ...(options.symbolsPath ?? [])],
    cache: options.symbolsCache,
    local: options.useLocalDebuginfo ?? false,
  });
  await withDump(file, async (dump) => {
    const disassembler = dump.entry('exception') && (await loadDisassembler());
    const found = runSync(findGapsTask(runSync(analyzeTask(dump, { symbols, disassembler }))));
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
