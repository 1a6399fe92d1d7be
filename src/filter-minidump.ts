import type { Sink, Source } from './io/index.js';
import { FileSink } from './node/file-sink.js';
import { FileSource } from './node/file-source.js';
import { type FilterOptions, type FilterReport, filterMinidump as filter } from './targets/minidump/index.js';

export interface FileFilterOptions<Param = unknown> extends FilterOptions<Param> {
  /** Replace the file if it is there. It may be the one that is read. */
  force?: boolean | undefined;
}

/**
 * Dumps a minidump again, with less in it; see `FilterOptions`. Both ends may be names of files; the new one appears
 * under its name only when it is complete, with mode 0600.
 *
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function filterMinidump<Param = unknown>(
  input: string | Source | Blob | Uint8Array | ArrayBuffer,
  destination: string | Sink,
  given: FileFilterOptions<Param> = {},
): Promise<FilterReport> {
  const { force = false, ...options } = given;
  using source = typeof input === 'string' ? new FileSource(input) : undefined;
  const sink = typeof destination === 'string' ? new FileSink(destination, { force }) : destination;
  return await filter(source ?? (input as Exclude<typeof input, string>), sink, options as FilterOptions);
}
