import { readFileSync } from 'node:fs';
import {
  type Analysis,
  type AnalyzedThread,
  analyzeTask,
  readEvilJson,
  reportLines,
  rustMinidumpReport,
} from '../../analysis/index.js';
import { MinidumpError, runAsync, runSync } from '../../io/index.js';
import type { TraceEvent } from '../../unwind/index.js';
import { wrong } from '../arguments.js';
import { loadDisassembler } from '../disassembler.js';
import { withDump } from '../dump-file.js';
import { err, write } from '../output.js';
import { savePrivate } from '../private-file.js';
import { openSymbolSearch, type SymbolOptions, type SymbolSearch } from '../symbol-options.js';
import { hex, printable, printableJson } from '../text.js';

export interface StackArguments extends SymbolOptions {
  human?: boolean;
  brief?: boolean;
  json?: boolean;
  pretty?: boolean;
  cyborg?: string;
  outputFile?: string;
  evilJson?: string;
  recoverFunctionArgs?: boolean;
  features?: string;
  trace?: boolean;
  verbose?: string;
  logFile?: string;
  /** An option of minidump-stackwalk that mdmp has another way for. */
  dump?: boolean;
}

/** `mdmp stack FILE [SYMBOLS…]`: what crashed, and the stack of each thread. */
export async function stack(file: string, symbolPaths: string[], options: StackArguments): Promise<void> {
  check(options);
  using search = await openSymbolSearch(symbolPaths, options);
  const { symbols } = search;
  const additions = options.evilJson === undefined ? {} : readEvilJson(readText(options.evilJson));
  const traced = options.trace || options.verbose === 'trace';
  await withDump(file, async (dump) => {
    // Not for dumps in which nothing crashed. It is compiled while the stacks are walked.
    const disassembler = dump.entry('exception') && loadDisassembler();
    const events: string[] = [];
    await search.prefetch(dump, options.brief);
    const analysis = await runAsync(
      analyzeTask(dump, {
        symbols,
        disassembler,
        crashedThreadOnly: options.brief,
        recoverFunctionArguments: options.recoverFunctionArgs || options.features === 'unstable-all',
        ...(traced && {
          trace: (thread: AnalyzedThread['id'], event: TraceEvent) => events.push(traceLine(thread, event)),
        }),
      }),
    );
    search.warn();
    warnOfUseless(analysis, search);
    const log = events.map((line) => `${printable(line)}\n`);
    if (options.logFile !== undefined) savePrivate(options.logFile, log.join(''));
    else for (const line of log) process.stderr.write(line);
    if (options.cyborg !== undefined) savePrivate(options.cyborg, json(analysis, additions, options));
    const text = options.json
      ? json(analysis, additions, options)
      : `${runSync(reportLines(analysis, { brief: options.brief }))
          .map(printable)
          .join('\n')
          .trimEnd()}\n`;
    if (options.outputFile === undefined) await write(text);
    else savePrivate(options.outputFile, text);
  });
}

const LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'];
const FEATURES = ['stable-basic', 'stable-all', 'unstable-all'];

/** Options that contradict each other, and those of minidump-stackwalk that are something else here. */
function check(options: StackArguments): void {
  const { json: asJson, pretty, cyborg, human, features, verbose } = options;
  if (options.dump) throw wrong('--dump is a command of its own here', '`mdmp show FILE` lists the streams');
  const outputs = [asJson && '--json', human && '--human', cyborg && '--cyborg'].filter(Boolean);
  if (outputs.length > 1) throw wrong(`${outputs.join(' and ')} exclude each other`);
  if (pretty && !asJson && cyborg === undefined) throw wrong('--pretty goes with --json or --cyborg');
  if (features !== undefined && !FEATURES.includes(features))
    throw wrong(`--features must be ${FEATURES.join(', ')}, not '${features}'`);
  if (verbose !== undefined && !LEVELS.includes(verbose))
    throw wrong(`--verbose must be ${LEVELS.join(', ')}, not '${verbose}'`);
}

function json(
  analysis: Analysis,
  additions: ReturnType<typeof readEvilJson>,
  { pretty }: StackArguments,
): string {
  const report = runSync(rustMinidumpReport(analysis, additions));
  return `${printableJson(JSON.stringify(report, null, pretty ? 2 : undefined))}\n`;
}

/** Whoever names symbols and gets none shall learn it, and where to read on. */
function warnOfUseless({ threads, world }: Analysis, { places }: SymbolSearch): void {
  if (places.length === 0) return;
  const modules = new Set(
    threads.flatMap(({ stack: { frames } }) => frames.flatMap(({ module }) => module ?? [])),
  );
  const used = [...modules].some(
    ({ module }) => world.symbols.known(module, world.pointerSize)?.information !== undefined,
  );
  if (used || modules.size === 0) return;
  process.stderr.write(
    `${err.yellow('warning:')} no symbols of any module on the stacks in ${printable(places.join(', '))}; \`mdmp gaps\` says what is looked for\n`,
  );
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
