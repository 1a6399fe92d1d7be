import { readFileSync } from 'node:fs';
import { type FileDumpReport, writeMinidump } from '../../targets/linux/write-minidump.js';
import { parseAddress, parseId, parseSeconds, parseSize, wrong } from '../arguments.js';
import { parseDumpType } from '../dump-type.js';
import { EXIT_CODES } from '../exit-codes.js';
import { loadCallback } from '../load-callback.js';
import { print, printJson } from '../output.js';
import { ProgressLine } from '../progress.js';
import { summary } from '../summary.js';

export interface DumpArguments {
  output?: string;
  type: string;
  callback?: string;
  comment?: string;
  exception?: string;
  force?: boolean;
  maxPause?: string;
  maxStack?: string;
  json?: boolean;
}

/** `mdmp dump PID`. All that can be wrong with the arguments is found before the process is touched. */
export async function dump(process: string, given: DumpArguments): Promise<void> {
  const pid = parseId(process, 'the process id');
  const type = parseDumpType(given.type);
  const exception = given.exception === undefined ? undefined : parseException(given.exception);
  const maxPause = given.maxPause === undefined ? undefined : parseSeconds(given.maxPause, '--max-pause');
  const maxStack = given.maxStack === undefined ? undefined : parseSize(given.maxStack, '--max-stack');
  const callback = given.callback === undefined ? {} : await loadCallback(given.callback);
  const progress = new ProgressLine();
  let report: FileDumpReport;
  progress.start(pid);
  try {
    report = await writeMinidump(pid, given.output ?? defaultName(pid), {
      ...callback,
      type,
      exception,
      maxPause,
      maxStack,
      comment: given.comment,
      force: given.force ?? false,
      abandonExitCode: EXIT_CODES['max-pause'].exit,
      onProgress: ({ written, total }) => progress.update(written, total),
    });
  } finally {
    progress.clear();
  }
  if (given.json) await printJson(report);
  else await print(summary(report, given.callback !== undefined));
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
