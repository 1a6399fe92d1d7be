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

/**
 * Writes a minidump of a live process. `process.pid` is this one: a helper process dumps it, see docs/self-dump.md.
 *
 * A file appears under its name only when it is complete, with mode 0600. The process stands still while the callback is
 * asked and memory is copied; whatever happens, it goes on as if never touched. It never waits for whoever reads the dump: what
 * goes to a pipe or a stream is written when it runs again, and the event loop is free meanwhile.
 *
 * @param destination a path, a file descriptor (it stays open), a Node stream, a WritableStream, or a Sink; null or undefined
 *   where the callback writes the dump (IoStartCallback, `callbacks.ioWriteAll`). docs/output.md tells of each.
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function writeMinidump<Param = unknown>(
  pid: number,
  destination: string,
  options?: WriteMinidumpOptions<Param>,
): Promise<FileDumpReport>;
export async function writeMinidump<Param = unknown>(
  pid: number,
  destination: Destination | null | undefined,
  options?: WriteMinidumpOptions<Param>,
): Promise<DumpReport & OutputReport>;
export async function writeMinidump<Param = unknown>(
  pid: number,
  destination: Destination | null | undefined,
  given: WriteMinidumpOptions<Param> = {},
): Promise<DumpReport & OutputReport> {
  // The engine hands CallbackParam through; only the routine knows its type.
  const options = given as WriteMinidumpOptions;
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
