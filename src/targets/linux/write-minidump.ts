import { checkOptions, type DumpReport } from '../../dump/index.js';
import type { Destination } from '../../node/destination.js';
import { type OutputOptions, type OutputReport, openOutput } from '../../node/output.js';
import type { LinuxProcess } from './linux-process.js';
import { dumpProcessAsync, type LiveOptions, openProcess } from './live.js';
import { dumpSelfAsync } from './self/self-dump.js';

export interface WriteMinidumpOptions<Param = unknown> extends LiveOptions<Param>, OutputOptions {}

export interface FileDumpReport extends DumpReport, OutputReport {
  /** Absolute path of the dump; empty if the callback wrote it by itself. */
  file: string;
}

/** What live/write-minidump.ts tells of, on Linux. */
export async function writeMinidump(
  pid: number,
  destination: string,
  options?: WriteMinidumpOptions,
): Promise<FileDumpReport>;
export async function writeMinidump(
  pid: number,
  destination: Destination | null | undefined,
  options?: WriteMinidumpOptions,
): Promise<DumpReport & OutputReport>;
export async function writeMinidump(
  pid: number,
  destination: Destination | null | undefined,
  options: WriteMinidumpOptions = {},
): Promise<DumpReport & OutputReport> {
  checkOptions(options);
  // Without a turn of the event loop where none is needed: the process is stopped now, not later.
  const opened = openOutput(destination, options);
  const output = opened instanceof Promise ? await opened : opened;
  if (pid === process.pid) return named(output.report(await dumpSelfAsync(options, output.sink)));
  let target: LinuxProcess;
  try {
    target = openProcess(pid, options);
  } catch (error) {
    await output.sink.abort();
    throw error;
  }
  return named(output.report(await dumpProcessAsync(target, options, output.sink)));

  function named<Report extends DumpReport & OutputReport>(report: Report): Report {
    return typeof destination === 'string' ? { file: '', ...report } : report;
  }
}
