import type { Task } from '../../io/index.js';
import type { CfiRow } from '../cfi.js';
import type { SymbolListener } from '../symbol-listing.js';
import { Arm64Frames } from './arm64/frames.js';
import type { PeImage } from './image.js';
import { IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64 } from './machines.js';
import { X64Frames } from './x64/frames.js';

/** The part of a function that one entry of the exception directory (.pdata) is about. RVAs. */
export interface FunctionRange {
  readonly start: number;
  readonly end: number;
  /** Where the function begins that it is a part of: `start`, but of a part that was moved away from its function. */
  readonly functionStart: number;
}

/** The unwind data of an image: the exception directory. */
export interface PeFrames {
  /**
   * The rules at an RVA; those of a leaf where code has no unwind data, undefined where there is no code or the data are not there.
   * Throws `malformed` where they are broken.
   *
   * @param inCall the RVA lies inside a call instruction: what stands there is not looked at
   */
  cfiAt(rva: number, inCall: boolean): Task<CfiRow | undefined>;
  rangeAt(rva: number): Task<FunctionRange | undefined>;
  /** In the words of STACK CFI. What is broken costs its entry. */
  list(listener: SymbolListener): Task<void>;
}

/** Undefined where the image has no unwind data, or its processor has none that is read here. */
export function openPeFrames(image: PeImage): PeFrames | undefined {
  switch (image.headers.machine) {
    case IMAGE_FILE_MACHINE_AMD64:
      return X64Frames.open(image);
    case IMAGE_FILE_MACHINE_ARM64:
      return Arm64Frames.open(image);
    default:
      return undefined;
  }
}
