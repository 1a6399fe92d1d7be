import { checkOptions, type DumpReport } from '../../../dump/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Destination } from '../../../node/destination.js';
import { type Output, openOutput } from '../../../node/output.js';
import { dumpProcessAsync, limitsOf } from '../live.js';
import type { FileDumpReport, WriteMinidumpOptions } from '../write-minidump.js';
import type { ThreadMoment } from './attached-protocol.js';
import type { AttachmentUse } from './shared-attachment.js';
import type { Turn } from './turns.js';
import { WatchedProcess } from './watched-process.js';

/**
 * Writes a minidump of a process that this one is attached to.
 *
 * @param crash what has just happened to it: the exception of the dump; undefined for none
 * @param turn of the attachment (`turns`): given back as soon as the process runs again, and no snapshot is left; or if this fails
 */
export async function writeAttached(
  attachment: AttachmentUse,
  pid: number,
  destination: Destination | null | undefined,
  options: WriteMinidumpOptions,
  crash: ThreadMoment | undefined,
  turn: Turn,
): Promise<FileDumpReport> {
  let output: Output | undefined;
  let target: WatchedProcess;
  try {
    checkOptions(options);
    output = await openOutput(destination, options);
    if (options.signal?.aborted) throw new MinidumpError('cancelled', 'the dump was given up');
    target = new WatchedProcess(pid, crash, { ...limitsOf(options), thread: attachment.thread }, turn);
  } catch (error) {
    turn();
    await output?.sink.abort();
    throw error;
  }
  const report: DumpReport = await dumpProcessAsync(target, options, output.sink);
  return { file: '', ...output.report(report) };
}
