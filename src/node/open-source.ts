import { BlobSource, BytesSource, readRange, runAsync, type Source } from '../io/index.js';
import { FileSource } from './file-source.js';
import { PACKING_HEAD, packingOf } from './packing.js';

/** A dump or core as bytes, whether its file is compressed or not. Dispose it. */
export interface OpenedSource extends Source, Disposable {
  /** Bytes of the file, if it is compressed. */
  readonly compressedSize: number | undefined;
  /** What is wrong with the compressed file, a line each. */
  readonly notes: readonly string[];
}

/**
 * Opens a file, or what else bytes are read from, and decompresses it if its first bytes say that it is compressed: zstd with a seek
 * table as far as it is read, other zstd and gzip all at once into a file without a name.
 *
 * @param from a path, or a source or bytes, which stay the caller's
 * @param options.spool the folder of that file; the system's temporary folder by default
 * @throws MinidumpError `input-unreadable`, `unsupported` for other compressions, `malformed`
 */
export async function openSource(
  from: string | Source | Blob | Uint8Array | ArrayBuffer,
  { spool }: { spool?: string | undefined } = {},
): Promise<OpenedSource> {
  const file = typeof from === 'string' ? new FileSource(from) : undefined;
  try {
    const source = file ?? toSource(from as Exclude<typeof from, string>);
    const head = await runAsync(readRange(source, 0, Math.min(source.size, PACKING_HEAD)));
    if (packingOf(head) === undefined) return opened(source, [], undefined, [file]);
    const unpacked = await (await import('./unpack.js')).unpack(source, spool);
    return opened(unpacked.source, unpacked.notes, source.size, [unpacked, file]);
  } catch (error) {
    file?.close();
    throw error;
  }
}

function toSource(from: Source | Blob | Uint8Array | ArrayBuffer): Source {
  if (from instanceof Uint8Array || from instanceof ArrayBuffer) return new BytesSource(from);
  return from instanceof Blob ? new BlobSource(from) : from;
}

function opened(
  source: Source,
  notes: readonly string[],
  compressedSize: number | undefined,
  owned: readonly (Disposable | undefined)[],
): OpenedSource {
  return {
    size: source.size,
    read: (offset, length) => source.read(offset, length),
    compressedSize,
    notes,
    [Symbol.dispose]: () => {
      for (const one of owned) one?.[Symbol.dispose]();
    },
  };
}
