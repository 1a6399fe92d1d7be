import { type Compressor, MinidumpError, NoSink, SeekableZstdSink, type Sink } from '../io/index.js';
import { type Destination, openDestination } from './destination.js';
import { FileSink, type FileSinkOptions } from './file-sink.js';

/** How a dump is written, whatever it is of. */
export interface OutputOptions {
  /** Replace the file if it is there. */
  force?: boolean | undefined;
  /**
   * Where the name is taken, put a number before its ending: `app-2.dmp`, `app-2.dmp.zst`. `file` of the report says which. Without
   * it, and without `force`, a name that is taken is the error `output-exists`.
   */
  unique?: boolean | undefined;
  /**
   * Compress the dump while it is written. `'zstd'`: frames with a seek table, which mdmp reads without decompressing all of them, and
   * which `zstd -d` takes. A name that ends in .zst does not do it.
   */
  compress?: 'zstd' | undefined;
}

/** What a report says of the output. */
export interface OutputReport {
  /** Absolute path of the dump, where it was written to a path. */
  file?: string;
  /** Bytes that were written, where the dump was compressed; `size` is that of the dump. */
  compressedSize?: number;
}

/** The part of a report that decides. */
interface Written {
  writtenByCallback: boolean;
  warnings: string[];
}

/** Where a dump goes, and what is said of that afterwards. */
export interface Output {
  readonly sink: Sink;
  report<Report extends Written>(report: Report): Report & OutputReport;
}

/**
 * At once, unless something that compresses has to be looked for.
 *
 * @throws MinidumpError `zstd-missing`, and what `openDestination` throws: then nothing has been made
 */
export function openOutput(
  destination: Destination | null | undefined,
  { force = false, unique = false, compress }: OutputOptions,
): Output | Promise<Output> {
  if (compress === undefined) return newOutput(openDestination(destination, { force, unique }), undefined);
  return openCompressed(destination, { force, unique }, compress);
}

async function openCompressed(
  destination: Destination | null | undefined,
  options: FileSinkOptions,
  compress: 'zstd',
): Promise<Output> {
  if (compress !== 'zstd') {
    throw new MinidumpError('invalid-argument', `mdmp does not compress with ${String(compress)}`, {
      advice: "Give 'zstd', or leave it out.",
    });
  }
  const compressor = await (await import('./zstd/index.js')).findCompressor();
  return newOutput(openDestination(destination, options), compressor);
}

function newOutput(sink: Sink, compressor: Compressor | undefined): Output {
  const packed =
    compressor === undefined || sink instanceof NoSink ? undefined : new SeekableZstdSink(sink, compressor);
  return {
    sink: packed ?? sink,
    report: (report) => {
      if (report.writtenByCallback) {
        if (compressor === undefined) return report;
        const warning = 'the dump is not compressed: the callback has written it by itself';
        return { ...report, warnings: [...report.warnings, warning] };
      }
      return {
        ...(sink instanceof FileSink ? { file: sink.file } : {}),
        ...report,
        ...(packed === undefined ? {} : { compressedSize: packed.compressedSize }),
      };
    },
  };
}
