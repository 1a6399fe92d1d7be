import { checkOptions, type DumpReport } from '../../../dump/index.js';
import type { Destination } from '../../../node/destination.js';
import { openOutput } from '../../../node/output.js';
import { dumpProcessAsync, limitsOf } from '../live.js';
import type { FileDumpReport, WriteMinidumpOptions } from '../write-minidump.js';
import type { ThreadMoment } from './attached-protocol.js';
import type { AttachmentUse } from './shared-attachment.js';
import { WatchedProcess } from './watched-process.js';

/**
 * Writes a minidump of a process that this one is attached to.
 *
 * @param crash what has just happened to it: the exception of the dump; undefined for none
 */
export async function writeAttached(
  attachment: AttachmentUse,
  pid: number,
  destination: Destination | null | undefined,
  options: WriteMinidumpOptions,
  crash: ThreadMoment | undefined,
): Promise<FileDumpReport> {
  checkOptions(options);
  const output = await openOutput(destination, options);
  return await attachment.inTurn(async () => {
    let target: WatchedProcess;
    try {
      target = new WatchedProcess(pid, crash, { ...limitsOf(options), thread: attachment.thread });
    } catch (error) {
      await output.sink.abort();
      throw error;
    }
    const report: DumpReport = await dumpProcessAsync(target, options, output.sink);
    return { file: '', ...output.report(report) };
  });
}
