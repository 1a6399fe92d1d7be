import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { CfiRow } from '../cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from '../debug-information.js';
import { describeFunction } from '../described-function.js';
import type { ImageReader } from '../elf.js';
import { readExports } from './exports.js';
import { openPeFrames, type PeFrames } from './frames.js';
import type { PeFunctions } from './functions.js';
import { readPeHeaders } from './headers.js';
import { mayRun, type PeImage } from './image.js';
import { nearestFunction } from './nearest-function.js';

/**
 * What a PE image in memory tells of its own code: unwind data (x64, ARM64) and the functions that it exports. Dumps with all memory hold it
 * whole, those with MiniDumpWithModuleHeaders or MiniDumpWithCodeSegs in part: what is missing is as if it were not there.
 */
export class PeImageInformation implements DebugInformation {
  readonly #image: PeImage;
  readonly #frames: PeFrames | undefined;
  /** Null: there are none, or the dump does not hold them. */
  #functions: PeFunctions | null | undefined;

  private constructor(image: PeImage) {
    this.#image = image;
    this.#frames = openPeFrames(image);
  }

  /**
   * Reads the headers; undefined where there is no PE image.
   *
   * @param _base where the image lies
   * @param read reads from there
   */
  static *open(_base: bigint, read: ImageReader): Task<PeImageInformation | undefined> {
    const exactly = function* (offset: number, length: number): Task<Uint8Array | undefined> {
      if (length === 0) return new Uint8Array();
      const bytes = yield* read(BigInt(offset), length);
      return bytes && bytes.length >= length ? bytes.subarray(0, length) : undefined;
    };
    const headers = yield* unlessBroken(readPeHeaders(exactly));
    return headers && new PeImageInformation({ headers, read: exactly });
  }

  *cfiAt(rva: number, inCall = false): Task<CfiRow | undefined> {
    return this.#frames && (yield* this.#frames.cfiAt(rva, inCall));
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    this.#functions ??= (yield* readExports(this.#image)) ?? null;
    const found = this.#functions && (yield* nearestFunction(this.#functions, this.#frames, rva));
    return yield* describeFunction([], found ?? undefined, rva);
  }

  *isCode(rva: number): Task<boolean> {
    return mayRun(this.#image.headers, rva);
  }

  *windowsFrameAt(_rva: number): Task<WindowsFrame | undefined> {
    return undefined;
  }
}
