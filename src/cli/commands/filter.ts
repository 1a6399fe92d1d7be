import { type FileFilterReport, filterMinidump } from '../../convert/filter-minidump.js';
import type { FilterReport } from '../../targets/minidump/index.js';
import { loadCallback } from '../../watch/load-callback.js';
import { wrong } from '../arguments.js';
import { type Compression, compressionFor } from '../compression.js';
import { commandOutput, keepStdoutClean } from '../destination.js';
import { parseDumpType } from '../dump-type.js';
import { out, print, printJson } from '../output.js';
import { ProgressLine } from '../progress.js';
import { placeOf, summary } from '../summary.js';
import { count, printable, size } from '../text.js';

export interface FilterArguments {
  type?: string;
  callback?: string;
  dropStream?: string[];
  stacksOnly?: boolean;
  redactStrings?: boolean;
  scrub?: string[];
  comment?: string;
  force?: boolean;
  compress?: Compression;
  json?: boolean;
}

/** `mdmp filter IN OUT`. */
export async function filter(input: string, output: string, given: FilterArguments): Promise<void> {
  const to = commandOutput(output);
  if (to.ownsStdout) keepStdoutClean();
  const type = given.type === undefined ? undefined : parseDumpType(given.type);
  const scrub = given.scrub && parsePatterns(given.scrub);
  const callback = given.callback === undefined ? {} : await loadCallback(given.callback);
  const progress = new ProgressLine();
  let report: FileFilterReport;
  try {
    report = await filterMinidump(input, to.destination, {
      ...callback,
      type,
      dropStreams: given.dropStream,
      stacksOnly: given.stacksOnly,
      redactStrings: given.redactStrings,
      scrub,
      comment: given.comment,
      force: given.force ?? false,
      compress: compressionFor(to, given.compress),
      onProgress: ({ written, total }) => progress.update(written, total),
    });
  } finally {
    progress.clear();
  }
  if (given.json) {
    await printJson(report);
    return;
  }
  const name = placeOf(report, to);
  const limits = report.limits.map((limit) => `${out.dim('not promised:')} ${limit}`);
  const text = summary(report, name, given.callback !== undefined, takenOut(report));
  await print([text, ...limits].join('\n'));
}

/** `/expression/flags`, or a text as it is. Errors do not quote it: what begins with a slash may be the secret itself. */
function parsePatterns(texts: readonly string[]): (string | RegExp)[] {
  let expressions = 0;
  return texts.map((text) => {
    const parts = /^\/(.+)\/([dgimsuvy]*)$/s.exec(text);
    if (parts === null || !areFlags(parts[2]!)) return text;
    const [, source, flags] = parts;
    expressions++;
    try {
      return new RegExp(source!, flags);
    } catch (cause) {
      // V8 quotes the expression before the reason.
      const { message } = cause as Error;
      const quoted = `Invalid regular expression: /${source}/${flags}: `;
      const reason = message.startsWith(quoted) ? `: ${message.slice(quoted.length)}` : '';
      throw wrong(
        `--scrub: expression ${expressions} is no regular expression${reason}`,
        'What stands between two slashes is one; docs/filter.md says how to give a text that begins and ends with them.',
      );
    }
  });
}

/** Whether JavaScript takes these letters for flags: each once, and one of u and v. */
function areFlags(letters: string): boolean {
  return new Set(letters).size === letters.length && !(letters.includes('u') && letters.includes('v'));
}

function takenOut(report: FilterReport): [string, string][] {
  const entries: [string, string][] = [['before', size(report.sizeBefore)]];
  if (report.dropped.length > 0) {
    entries.push(['dropped', report.dropped.map((one) => `${one.name}  ${size(one.size)}`).join('\n')]);
  }
  for (const { pattern, count: total, memoryCount, streams } of report.scrubbed) {
    const places = Object.entries(streams).map(([name, n]) => `${n} in ${name}`);
    if (memoryCount > 0) places.unshift(`${memoryCount} in memory`);
    const found = total === 0 ? 'not found' : `${count(total, 'match', 'matches')}: ${places.join(', ')}`;
    entries.push(['scrubbed', `${printable(pattern)}  ${found}`]);
  }
  const { strings } = report;
  if (strings !== undefined) {
    entries.push([
      'strings',
      `${count(strings.runs, 'text')} in memory (${size(strings.bytes)}), ` +
        `values of ${count(strings.variables, 'variable')}, ${count(strings.arguments, 'argument')}`,
    ]);
  }
  return entries;
}
