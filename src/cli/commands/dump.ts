import { platform } from 'node:process';
import { parseDumpType } from '../../dump/dump-type-text.js';
import type { DumpReport } from '../../dump/index.js';
import type { LiveException } from '../../live/options.js';
import type { OutputReport } from '../../node/output.js';
import { SNAPSHOT_MODES } from '../../targets/linux/snapshot/plan.js';
import { requestDump } from '../../watch/request-dump.js';
import { parseAddress, parseChoice, parseId, parseSeconds, parseSize, wrong } from '../arguments.js';
import { backToBackground, workInForeground } from '../background.js';
import { type Compression, compressionFor } from '../compression.js';
import { defaultName } from '../default-name.js';
import { commandOutput, keepStdoutClean } from '../destination.js';
import { EXIT_CODES } from '../exit-codes.js';
import { print, printJson } from '../output.js';
import { noProcess, processNamed } from '../process-of.js';
import { ProgressLine } from '../progress.js';
import { placeOf, summary } from '../summary.js';

export interface DumpArguments {
  output?: string;
  type: string;
  callback?: string;
  comment?: string;
  exception?: string;
  force?: boolean;
  compress?: Compression;
  maxPause?: string;
  maxStack?: string;
  spool?: string;
  snapshot: string;
  dbghelp?: string;
  json?: boolean;
}

/** `mdmp dump PID|NAME`. All that can be wrong with the arguments is found before the process is touched. */
export async function dump(process: string, given: DumpArguments): Promise<void> {
  const pid = processNamed(process);
  if (pid === undefined) throw noProcess(process, 'Give the id of a process, or the name of its program.');
  const type = parseDumpType(given.type);
  const exception = given.exception === undefined ? undefined : parseException(given.exception);
  const maxPause = given.maxPause === undefined ? undefined : parseSeconds(given.maxPause, '--max-pause');
  const maxStack = given.maxStack === undefined ? undefined : parseSize(given.maxStack, '--max-stack');
  const packed = given.compress === 'zstd' ? '.zst' : '';
  const output = commandOutput(given.output ?? defaultName(pid) + packed);
  if (output.ownsStdout) keepStdoutClean();
  const progress = new ProgressLine();
  let report: DumpReport & OutputReport;
  progress.start(pid);
  try {
    report = await requestDump(pid, output.destination, {
      callback: given.callback,
      type,
      exception,
      maxPause,
      maxStack,
      spool: given.spool,
      snapshot: parseChoice(given.snapshot, SNAPSHOT_MODES, '--snapshot'),
      dbghelp: given.dbghelp,
      comment: given.comment,
      force: given.force ?? false,
      beforeStop: workInForeground,
      afterStop: backToBackground,
      holdSignals: true,
      compress: compressionFor(output, given.compress),
      abandonExitCode: EXIT_CODES['max-pause'].exit,
      onProgress: ({ written, total }) => progress.update(written, total),
    });
  } finally {
    progress.clear();
  }
  if (given.json) await printJson(report);
  else await print(summary(report, placeOf(report, output), given.callback !== undefined));
}

/** Of a crash, TID,SIGINFO,UCONTEXT; on Windows TID,POINTERS. */
function parseException(text: string): LiveException {
  const [thread, siginfo, ucontext, ...more] = text.split(',');
  if (platform === 'win32') {
    if (thread === undefined || siginfo === undefined || ucontext !== undefined) {
      throw wrong(`--exception must be TID,POINTERS, not '${text}'`);
    }
    return {
      threadId: parseId(thread, 'the thread id of --exception'),
      pointers: parseAddress(siginfo, 'POINTERS of --exception'),
    };
  }
  if (thread === undefined || siginfo === undefined || ucontext === undefined || more.length > 0) {
    throw wrong(`--exception must be TID,SIGINFO,UCONTEXT, not '${text}'`);
  }
  return {
    threadId: parseId(thread, 'the thread id of --exception'),
    siginfo: parseAddress(siginfo, 'SIGINFO of --exception'),
    ucontext: parseAddress(ucontext, 'UCONTEXT of --exception'),
  };
}
