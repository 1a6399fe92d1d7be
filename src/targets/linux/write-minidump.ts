import { checkOptions, type DumpReport } from '../../dump/index.js';
import { type Destination, openDestination } from '../../node/destination.js';
import { FileSink } from '../../node/file-sink.js';
import type { LinuxProcess } from './linux-process.js';
import { dumpProcessAsync, type LiveOptions, openProcess } from './live.js';

export interface WriteMinidumpOptions<Param = unknown> extends LiveOptions<Param> {
  /** Replace the file if it is there. */
  force?: boolean | undefined;
}

export interface FileDumpReport extends DumpReport {
  /** Absolute path of the dump; empty if the callback wrote it by itself. */
  file: string;
}

/**
 * Writes a minidump of a live process.
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
): Promise<DumpReport>;
export async function writeMinidump<Param = unknown>(
  pid: number,
  destination: Destination | null | undefined,
  given: WriteMinidumpOptions<Param> = {},
): Promise<DumpReport | FileDumpReport> {
  // The engine hands CallbackParam through; only the routine knows its type.
  const options = given as WriteMinidumpOptions;
  checkOptions(options);
  const sink = openDestination(destination, { force: options.force ?? false });
  let target: LinuxProcess;
  try {
    target = openProcess(pid, options);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  const report = await dumpProcessAsync(target, options, sink);
  if (!(sink instanceof FileSink)) return report;
  return { file: report.writtenByCallback ? '' : sink.file, ...report };
}
