import { checkOptions, type DumpReport } from '../../dump/index.js';
import { FileSink } from '../../node/file-sink.js';
import type { LinuxProcess } from './linux-process.js';
import { dumpProcess, type LiveOptions, openProcess } from './live.js';

export interface WriteMinidumpOptions<Param = unknown> extends LiveOptions<Param> {
  /** Replace the file if it is there. */
  force?: boolean | undefined;
}

export interface FileDumpReport extends DumpReport {
  /** Absolute path of the dump. */
  file: string;
}

/**
 * Writes a minidump of a live process.
 *
 * The file appears under its name only when it is complete, with mode 0600. The process stands still while the callback is
 * asked and memory is copied; whatever happens, it goes on as if never touched.
 *
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function writeMinidump<Param = unknown>(
  pid: number,
  file: string,
  given: WriteMinidumpOptions<Param> = {},
): Promise<FileDumpReport> {
  // The engine hands CallbackParam through; only the routine knows its type.
  const options = given as WriteMinidumpOptions;
  checkOptions(options);
  const sink = new FileSink(file, { force: options.force ?? false });
  let target: LinuxProcess;
  try {
    target = openProcess(pid, options);
  } catch (error) {
    sink.abort();
    throw error;
  }
  return { file: sink.file, ...dumpProcess(target, options, sink) };
}
