import { checkOptions, type DumpReport } from '../dump/index.js';
import type { Destination } from '../node/destination.js';
import { type OutputReport, openOutput } from '../node/output.js';
import { type FileDumpReport, writeMinidump as writeOnLinux } from '../targets/linux/write-minidump.js';
import { linuxOptions, type WriteMinidumpOptions, windowsOptions } from './options.js';

/**
 * Writes a minidump of a live process. `process.pid` is this one: a helper process dumps it, see docs/self-dump.md.
 *
 * A file appears under its name only when it is complete, with mode 0600. The process stands still while the callback is
 * asked and memory is copied; whatever happens, it goes on as if never touched. It never waits for whoever reads the dump: what
 * goes to a pipe or a stream is written when it runs again, and the event loop is free meanwhile.
 *
 * On Windows it is DbgHelp that writes it: docs/windows.md.
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
  // CallbackParam is handed through; only the routine knows its type.
  const options = given as WriteMinidumpOptions;
  if (process.platform !== 'win32') return await writeOnLinux(pid, destination, linuxOptions(options));
  const { dumpOnWindowsAsync } = await import('./windows.js');
  const checked = windowsOptions(options);
  checkOptions({ ...options, exception: undefined });
  const output = await openOutput(destination, options);
  const report = output.report(await dumpOnWindowsAsync(pid, checked, output.sink));
  return typeof destination === 'string' ? { file: '', ...report } : report;
}
