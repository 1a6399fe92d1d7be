import { runAsync, type Sink, type Source } from '../io/index.js';
import { type Destination, openDestination } from '../node/destination.js';
import { FileSink } from '../node/file-sink.js';
import { FileSource } from '../node/file-source.js';
import { type FilterOptions, type FilterReport, filterTask, toSource } from '../targets/minidump/index.js';
import { naming } from './naming.js';

export interface FileFilterOptions<Param = unknown> extends FilterOptions<Param> {
  /** Replace the file if it is there. It may be the one that is read. */
  force?: boolean | undefined;
}

export interface FileFilterReport extends FilterReport {
  /** Absolute path of the dump, where it was written to a path. */
  file?: string;
}

/**
 * Dumps a minidump again: the same engine, the same callback. What is left alone comes through byte for byte; `FilterOptions`
 * tells what can be taken out, docs/filter.md what that promises.
 *
 * @param input a path, or a source or bytes, which stay the caller's
 * @param destination as for writeMinidump
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function filterMinidump<Param = unknown>(
  input: string | Source | Blob | Uint8Array | ArrayBuffer,
  destination: Destination | null | undefined,
  given: FileFilterOptions<Param> = {},
): Promise<FileFilterReport> {
  const { force = false, ...options } = given;
  const opened = typeof input === 'string' ? new FileSource(input) : undefined;
  try {
    const sink: Sink = openDestination(destination, { force });
    const source = opened ?? toSource(input as Exclude<typeof input, string>);
    const report = await runAsync(filterTask(source, sink, options as FilterOptions));
    return sink instanceof FileSink && !report.writtenByCallback ? { file: sink.file, ...report } : report;
  } catch (error) {
    throw typeof input === 'string' ? naming(input, error) : error;
  } finally {
    opened?.close();
  }
}
