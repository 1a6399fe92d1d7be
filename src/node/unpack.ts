import { once } from 'node:events';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { Decompress } from 'fzstd';
import {
  MinidumpError,
  readRange,
  runAsync,
  SeekableZstdSource,
  type Source,
  ZstdFrames,
} from '../io/index.js';
import { PACKING_HEAD, type Packing, packingOf } from './packing.js';
import { Spool } from './spool.js';
import { loadFzstd } from './zstd/fzstd-package.js';
import { findDecompressor } from './zstd/index.js';

const CHUNK = 256 * 1024;

/** The commands that decompress what mdmp does not. */
const COMMANDS: Partial<Record<Packing, string>> = { xz: 'xz -d', lz4: 'lz4 -d', bzip2: 'bzip2 -d' };

/** A source, decompressed if it was compressed. Dispose it. */
export interface Unpacked extends Disposable {
  source: Source;
  /** What is wrong with the compressed file, a line each. */
  notes: string[];
}

/**
 * Decompresses a source, if its first bytes say that it is compressed (gzip, zstd). Of zstd with a seek table only what is read is
 * decompressed, when it is read; anything else as a stream into a file without a name, and of a file that is cut short or damaged
 * what comes before that is taken.
 *
 * @param spool the folder of that file
 * @throws MinidumpError `unsupported` for other compressions, `malformed` where nothing could be decompressed, or a seek table
 *   cannot be true
 */
export async function unpack(source: Source, spool?: string): Promise<Unpacked> {
  const head = await runAsync(readRange(source, 0, Math.min(source.size, PACKING_HEAD)));
  const packing = packingOf(head);
  if (packing === undefined) return { source, notes: [], [Symbol.dispose]: () => {} };
  if (packing !== 'gzip' && packing !== 'zstd') {
    throw new MinidumpError(
      'unsupported',
      `the file is compressed with ${packing}; mdmp decompresses gzip and zstd`,
      {
        advice: `Decompress it first: ${COMMANDS[packing]}`,
      },
    );
  }
  if (packing === 'zstd') {
    const seekable = await runAsync(SeekableZstdSource.openTask(source, await findDecompressor()));
    if (seekable !== undefined) return { source: seekable, notes: [], [Symbol.dispose]: () => {} };
  }
  const file = new Spool(spool);
  try {
    const damage = await decompress(source, packing, file);
    if (damage !== undefined && file.size === 0) {
      throw new MinidumpError('malformed', `the compressed file cannot be decompressed: ${damage}`);
    }
    file.close();
    const notes =
      damage === undefined
        ? []
        : [`the compressed file is damaged (${damage}): ${file.size} bytes could be decompressed`];
    return { source: file, notes, [Symbol.dispose]: () => file[Symbol.dispose]() };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** What is wrong, if it is not whole. Of our own errors only damage is an answer; the disk may be full, too. */
async function decompress(
  source: Source,
  packing: 'gzip' | 'zstd',
  file: Spool,
): Promise<string | undefined> {
  try {
    if (packing === 'gzip') await throughStream(zlib.createGunzip(), chunks(source), file);
    else await unzstd(source, file);
    return undefined;
  } catch (error) {
    if (error instanceof MinidumpError && error.code !== 'malformed') throw error;
    return (error as Error).message;
  }
}

async function* chunks(source: Source): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += CHUNK) {
    yield await runAsync(readRange(source, at, Math.min(CHUNK, source.size - at), 'compressed file'));
  }
}

/** Node's own zstd, where it has one (22.15 and newer); else fzstd, which does not look at checksums. */
async function unzstd(source: Source, file: Spool): Promise<void> {
  const native = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;
  // Loaded where it is needed only.
  const portable = native === undefined ? loadFzstd().Decompress : undefined;
  let parts: { bytes: Uint8Array; first: boolean; last: boolean }[] = [];
  const frames = new ZstdFrames((bytes, first, last) => parts.push({ bytes, first, last }));
  let decoder: Decoder | undefined;
  try {
    for await (const chunk of chunks(source)) {
      parts = [];
      let broken: unknown;
      try {
        frames.push(chunk);
      } catch (error) {
        broken = error;
      }
      for (const { bytes, first, last } of joinedParts(parts)) {
        if (first) {
          decoder =
            portable === undefined
              ? new NativeDecoder(native!(), file)
              : new PortableDecoder(new portable((bytes) => file.write(bytes)));
        }
        await decoder!.push(bytes, last);
        if (last) decoder = undefined;
      }
      if (broken !== undefined) throw broken;
    }
  } finally {
    await decoder?.close();
  }
  if (!frames.complete) throw new Error('it ends in the middle of a frame');
}

/** Parts that follow each other within a frame, as one. */
function joinedParts(parts: { bytes: Uint8Array; first: boolean; last: boolean }[]) {
  const joined: typeof parts = [];
  let group: typeof parts = [];
  const flush = () => {
    if (group.length > 0) {
      joined.push({
        bytes: Buffer.concat(group.map(({ bytes }) => bytes)),
        first: group[0]!.first,
        last: group.at(-1)!.last,
      });
    }
    group = [];
  };
  for (const part of parts) {
    if (part.first) flush();
    group.push(part);
    if (part.last) flush();
  }
  flush();
  return joined;
}

/** Decodes one frame. */
interface Decoder {
  push(bytes: Uint8Array, last: boolean): Promise<void>;
  /** The frame ends early: what can be decoded of it is, and no more comes. */
  close(): Promise<void>;
}

class PortableDecoder implements Decoder {
  readonly #decoder: Decompress;

  constructor(decoder: Decompress) {
    this.#decoder = decoder;
  }

  async push(bytes: Uint8Array, last: boolean): Promise<void> {
    this.#decoder.push(bytes, last);
  }

  async close(): Promise<void> {}
}

class NativeDecoder implements Decoder {
  readonly #stream: Transform;
  readonly #ended: Promise<unknown>;
  #failure: Error | undefined;

  constructor(stream: Transform, file: Spool) {
    this.#stream = stream;
    this.#ended = spoolOutput(stream, file).catch((error: Error) => {
      this.#failure = error;
    });
  }

  async push(bytes: Uint8Array, last: boolean): Promise<void> {
    const drained = this.#stream.write(bytes) || Promise.race([once(this.#stream, 'drain'), this.#ended]);
    await drained;
    if (last) {
      this.#stream.end();
      await this.#ended;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    this.#stream.end();
    await this.#ended;
    if (this.#failure instanceof MinidumpError) throw this.#failure;
  }
}

async function throughStream(
  stream: Transform,
  input: AsyncIterable<Uint8Array>,
  file: Spool,
): Promise<void> {
  const ended = spoolOutput(stream, file);
  let failed = false;
  ended.catch(() => {
    failed = true;
  });
  for await (const chunk of input) {
    if (failed) break;
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), ended]);
  }
  if (!failed) stream.end();
  await ended;
}

/** Writes at once what a stream gives: what came before an error is not lost with it. */
function spoolOutput(stream: Transform, file: Spool): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('data', (bytes: Uint8Array) => {
      try {
        file.write(bytes);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    stream.once('end', resolve);
    stream.once('error', reject);
  });
}
