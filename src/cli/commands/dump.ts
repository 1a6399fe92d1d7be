import { readFileSync } from 'node:fs';
import type { DumpReport } from '../../dump/index.js';
import { writeMinidump } from '../../targets/linux/write-minidump.js';
import { parseAddress, parseId, parseSeconds, parseSize, wrong } from '../arguments.js';
import { type CommandOutput, commandOutput, keepStdoutClean } from '../destination.js';
import { dumpTypeName, parseDumpType } from '../dump-type.js';
import { EXIT_CODES } from '../exit-codes.js';
import { loadCallback } from '../load-callback.js';
import { out, print, printJson } from '../output.js';
import { ProgressLine } from '../progress.js';
import { count, fields, hex, printable, size } from '../text.js';

export interface DumpArguments {
  output?: string;
  type: string;
  callback?: string;
  comment?: string;
  exception?: string;
  force?: boolean;
  maxPause?: string;
  maxStack?: string;
  spool?: string;
  json?: boolean;
}

/** `mdmp dump PID`. All that can be wrong with the arguments is found before the process is touched. */
export async function dump(process: string, given: DumpArguments): Promise<void> {
  const pid = parseId(process, 'the process id');
  const type = parseDumpType(given.type);
  const exception = given.exception === undefined ? undefined : parseException(given.exception);
  const maxPause = given.maxPause === undefined ? undefined : parseSeconds(given.maxPause, '--max-pause');
  const maxStack = given.maxStack === undefined ? undefined : parseSize(given.maxStack, '--max-stack');
  const output = commandOutput(given.output ?? defaultName(pid));
  if (output.ownsStdout) keepStdoutClean();
  const callback = given.callback === undefined ? {} : await loadCallback(given.callback);
  const progress = new ProgressLine();
  let report: DumpReport;
  progress.start(pid);
  try {
    report = await writeMinidump(pid, output.destination, {
      ...callback,
      type,
      exception,
      maxPause,
      maxStack,
      spool: given.spool,
      comment: given.comment,
      force: given.force ?? false,
      abandonExitCode: EXIT_CODES['max-pause'].exit,
      onProgress: ({ written, total }) => progress.update(written, total),
    });
  } finally {
    progress.clear();
  }
  if (given.json) await printJson(report);
  else await print(summary(report, output, given.callback !== undefined));
}

/** `node.4242.20260131T120000.dmp`, in local time as `ls` shows it. */
function defaultName(pid: number): string {
  let name = 'process';
  try {
    name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {} // no /proc, or no such process: then the dump says so
  const safe = name.replaceAll(/[^\w.-]+/g, '_').replace(/^[.-]+/, '');
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  const stamp = local.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `${safe || 'process'}.${pid}.${stamp}.dmp`;
}

function parseException(text: string) {
  const [thread, siginfo, ucontext, ...more] = text.split(',');
  if (thread === undefined || siginfo === undefined || ucontext === undefined || more.length > 0) {
    throw wrong(`--exception must be TID,SIGINFO,UCONTEXT, not '${text}'`);
  }
  return {
    threadId: parseId(thread, 'the thread id of --exception'),
    siginfo: parseAddress(siginfo, 'SIGINFO of --exception'),
    ucontext: parseAddress(ucontext, 'UCONTEXT of --exception'),
  };
}

function summary(
  report: DumpReport & { file?: string },
  output: CommandOutput,
  hasCallback: boolean,
): string {
  const entries: [string, string][] = [
    ['dump', printable(report.file ?? output.name)],
    ['size', size(report.size)],
    ['type', dumpTypeName(report.type)],
    ['threads', counts(report.threads, hasCallback)],
    ['modules', counts(report.modules, hasCallback)],
    ['memory', `${size(report.memory.bytes)} in ${count(report.memory.ranges, 'range')}`],
  ];
  if (report.removed.length > 0) entries.push(['removed', ranges(report.removed)]);
  if (report.unreadable.length > 0) entries.push(['unreadable', ranges(report.unreadable)]);
  entries.push(['pause', `${report.pauseMs.toFixed(1)} ms`]);
  if (report.shortenedCalls > 0) {
    entries.push([
      'shortened',
      `${count(report.shortenedCalls, 'call')} of the process came back with less than it asked for`,
    ]);
  }
  const lines = [fields(entries, out.dim)];
  for (const warning of report.warnings) lines.push(`${out.yellow('warning:')} ${printable(warning)}`);
  if (report.removed.length > 0) {
    lines.push(
      'Memory was removed at these addresses only: other copies of the same value are not searched for.',
    );
  }
  return lines.join('\n');
}

function counts({ written, excluded }: { written: number; excluded: number }, hasCallback: boolean): string {
  return hasCallback || excluded > 0 ? `${written}, and ${excluded} kept out by the callback` : `${written}`;
}

/** As many as fit on a screen; --json has them all. */
const SHOWN_RANGES = 10;

function ranges(list: readonly { address: bigint; size: bigint }[]): string {
  const total = list.reduce((sum, range) => sum + range.size, 0n);
  const lines = list
    .slice(0, SHOWN_RANGES)
    .map((range) => `${hex(range.address)} … ${hex(range.address + range.size)}  ${size(range.size)}`);
  if (list.length > SHOWN_RANGES) lines.push(`and ${list.length - SHOWN_RANGES} more; --json lists them`);
  return [`${size(total)} in ${count(list.length, 'range')}`, ...lines].join('\n');
}
