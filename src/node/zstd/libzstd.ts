import { type Compressor, type Decompress, MinidumpError } from '../../io/index.js';
import { loadKoffi, type NativeFunction } from '../libc.js';
import { LEVEL } from './level.js';

/** ZSTD_cParameter, fixed by zstd.h. */
const ZSTD_c_compressionLevel = 100;
const ZSTD_c_checksumFlag = 201;

/** The functions of zstd.h that are used here; all are part of its stable interface since 1.4.0. */
interface Zstd {
  createCCtx: NativeFunction;
  setParameter: NativeFunction;
  compress: NativeFunction;
  compressBound: NativeFunction;
  freeCCtx: NativeFunction;
  decompress: NativeFunction;
  isError: NativeFunction;
  getErrorName: NativeFunction;
}

/** The zstd library of the system, which almost every Linux has, in threads of libuv's; undefined where it or koffi is missing. */
export function libraryCompressor(): Compressor | undefined {
  const zstd = loadZstd();
  return zstd && new LibraryCompressor(zstd);
}

/** The same for decompression; it looks at checksums. */
export function libraryDecompressor(): Decompress | undefined {
  const zstd = loadZstd();
  if (zstd === undefined) return undefined;
  return (frame, size) => {
    const bytes = new Uint8Array(size);
    const code = zstd.decompress(bytes, size, frame, frame.length);
    if (zstd.isError(code) !== 0) {
      throw new MinidumpError(
        'malformed',
        `a zstd frame cannot be decompressed into ${size} bytes: ${zstd.getErrorName(code)}`,
      );
    }
    if (Number(code) === size) return bytes;
    throw new MinidumpError('malformed', `a zstd frame holds ${code} bytes in place of ${size}`);
  };
}

function loadZstd(): Zstd | undefined {
  try {
    const library = loadKoffi().load('libzstd.so.1');
    const func = (declaration: string) => library.func(declaration) as NativeFunction;
    return {
      createCCtx: func('void *ZSTD_createCCtx(void)'),
      setParameter: func('size_t ZSTD_CCtx_setParameter(void *context, int parameter, int value)'),
      compress: func(
        'size_t ZSTD_compress2(void *context, void *to, size_t capacity, const void *from, size_t size)',
      ),
      compressBound: func('size_t ZSTD_compressBound(size_t size)'),
      freeCCtx: func('size_t ZSTD_freeCCtx(void *context)'),
      decompress: func('size_t ZSTD_decompress(void *to, size_t capacity, const void *from, size_t size)'),
      isError: func('unsigned int ZSTD_isError(size_t code)'),
      getErrorName: func('const char *ZSTD_getErrorName(size_t code)'),
    };
  } catch {
    return undefined;
  }
}

class LibraryCompressor implements Compressor {
  readonly #zstd: Zstd;
  /** Contexts that no thread is using. */
  readonly #free: unknown[] = [];
  /** What threads are working on, and what they read: it must not be collected meanwhile. */
  readonly #busy = new Map<Promise<unknown>, Uint8Array>();

  constructor(zstd: Zstd) {
    this.#zstd = zstd;
  }

  compress(bytes: Uint8Array, room?: Uint8Array): Promise<Uint8Array> {
    const done = this.#compress(bytes, room);
    const forget = (): void => void this.#busy.delete(done);
    this.#busy.set(done, bytes);
    done.then(forget, forget);
    return done;
  }

  async #compress(bytes: Uint8Array, given: Uint8Array | undefined): Promise<Uint8Array> {
    const bound = Number(this.#zstd.compressBound(bytes.length));
    const room = given !== undefined && given.length >= bound ? given : new Uint8Array(bound);
    const context = this.#free.pop() ?? this.#newContext();
    try {
      const size = await new Promise<number>((resolve, reject) => {
        const ended = (error: unknown, result: number) => (error ? reject(error) : resolve(result));
        this.#zstd.compress.async(context, room, room.length, bytes, bytes.length, ended);
      });
      const frame = room.subarray(0, this.#checked(size));
      return room === given ? frame : frame.slice();
    } finally {
      this.#free.push(context);
    }
  }

  /** Nothing may be freed that a thread is using. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#busy.keys());
    for (const context of this.#free) this.#zstd.freeCCtx(context);
    this.#free.length = 0;
  }

  #newContext(): unknown {
    const context = this.#zstd.createCCtx();
    if (context === null) throw failed('no memory for it');
    try {
      this.#checked(this.#zstd.setParameter(context, ZSTD_c_compressionLevel, LEVEL));
      this.#checked(this.#zstd.setParameter(context, ZSTD_c_checksumFlag, 1));
      return context;
    } catch (error) {
      this.#zstd.freeCCtx(context);
      throw error;
    }
  }

  /** A size, or an error in the form of one. */
  #checked(code: number | bigint): number {
    if (this.#zstd.isError(code) !== 0) throw failed(this.#zstd.getErrorName(code));
    return Number(code);
  }
}

function failed(why: string): MinidumpError {
  return new MinidumpError('write-failed', `compressing the dump failed: ${why}`);
}
