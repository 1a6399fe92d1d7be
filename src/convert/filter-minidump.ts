import { runAsync, type Source } from '../io/index.js';
import type { Destination } from '../node/destination.js';
import { openSource } from '../node/open-source.js';
import { type OutputOptions, type OutputReport, openOutput } from '../node/output.js';
import { type FilterOptions, type FilterReport, filterTask } from '../targets/minidump/index.js';
import { naming } from './naming.js';

export interface FileFilterOptions<Param = unknown> extends FilterOptions<Param>, OutputOptions {
  /** Replace the file if it is there. It may be the one that is read. */
  force?: boolean | undefined;
}

export interface FileFilterReport extends FilterReport, OutputReport {}

/**
 * Dumps a minidump again: the same engine, the same callback. What is left alone comes through byte for byte; `FilterOptions`
 * tells what can be taken out, docs/filter.md what that promises.
 *
 * @param input a path, or a source or bytes, which stay the caller's; compressed or not
 * @param destination as for writeMinidump
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function filterMinidump<Param = unknown>(
  input: string | Source | Blob | Uint8Array | ArrayBuffer,
  destination: Destination | null | undefined,
  given: FileFilterOptions<Param> = {},
): Promise<FileFilterReport> {
  const { force, unique, compress, ...options } = given;
  try {
    using source = await openSource(input);
    const output = await openOutput(destination, { force, unique, compress });
    const report = await runAsync(filterTask(source, output.sink, options as FilterOptions));
    return output.report({ ...report, warnings: [...source.notes, ...report.warnings] });
  } catch (error) {
    throw typeof input === 'string' ? naming(input, error) : error;
  }
}
