import { readFileSync, writeFileSync } from 'node:fs';
import {
  type AnalyzedThread,
  analyzeTask,
  readEvilJson,
  reportText,
  rustMinidumpReport,
} from '../../analysis/index.js';
import { MinidumpError, runSync } from '../../io/index.js';
import type { TraceEvent } from '../../unwind/index.js';
import { loadDisassembler } from '../disassembler.js';
import { withDump } from '../dump-file.js';
import { write } from '../output.js';
import { openSymbols } from '../symbol-places.js';
import { hex, printableJson, printableLines } from '../text.js';

export interface StackArguments {
  brief?: boolean;
  json?: boolean;
  pretty?: boolean;
  outputFile?: string;
  symbolsPath?: string[];
  symbolsCache?: string;
  useLocalDebuginfo?: boolean;
  evilJson?: string;
  trace?: boolean;
}

/** `mdmp stack FILE [SYMBOLS…]`: what crashed, and the stack of each thread. */
export async function stack(file: string, symbolPaths: string[], options: StackArguments): Promise<void> {
  using symbols = openSymbols({
    paths: [...symbolPaths, ...(options.symbolsPath ?? [])],
    cache: options.symbolsCache,
    local: options.useLocalDebuginfo ?? false,
  });
  const additions = options.evilJson === undefined ? {} : readEvilJson(readText(options.evilJson));
  await withDump(file, async (dump) => {
    // It takes 40 ms to load, as long as Node itself: not for dumps in which nothing crashed.
    const disassembler = dump.entry('exception') && (await loadDisassembler());
    const events: string[] = [];
    const analysis = runSync(
      analyzeTask(dump, {
        symbols,
        disassembler,
        crashedThreadOnly: options.brief,
        ...(options.trace && {
          trace: (thread: AnalyzedThread['id'], event: TraceEvent) => events.push(traceLine(thread, event)),
        }),
      }),
    );
    for (const line of events) process.stderr.write(`${printableLines(line)}\n`);
    let text: string;
    if (options.json) {
      const report = runSync(rustMinidumpReport(analysis, additions));
      text = `${printableJson(JSON.stringify(report, null, options.pretty ? 2 : undefined))}\n`;
    } else {
      text = `${printableLines(runSync(reportText(analysis, { brief: options.brief })))}\n`;
    }
    if (options.outputFile === undefined) await write(text);
    else save(options.outputFile, text);
  });
}

function traceLine(thread: number, { frame, lookupAddress, technique, outcome, why }: TraceEvent): string {
  return `thread ${thread} frame ${frame} ${hex(lookupAddress)}: ${technique ?? 'tests'} ${outcome}: ${why}`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MinidumpError('input-unreadable', `cannot read ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** With mode 0600: a report holds names and values of the process. */
function save(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new MinidumpError('write-failed', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
