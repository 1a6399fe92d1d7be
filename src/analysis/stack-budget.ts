/** A dump with fewer words than this may have so many frames all the same. */
const FEWEST_FRAMES = 1 << 16;
/** So many characters of names count as a frame: several may be ends of one text of the symbols. */
const CHARACTERS = 128;
/** Stacks do not overlap, but several threads of one id may have the same. */
const TIMES_THE_DUMP = 4;

/**
 * What may still be read and found of the stacks of one dump. Each thread of it may say that it has the same stack of a thousand frames,
 * and a thread takes 48 bytes: so all together are held to what there is. A return address takes a word, and no two threads share it.
 */
export class StackBudget {
  #frames: number;
  #bytes: number;

  /** @param size of the dump, in bytes */
  constructor(size: number, pointerSize: 4 | 8) {
    this.#frames = Math.max(FEWEST_FRAMES, Math.floor(size / pointerSize));
    this.#bytes = size * TIMES_THE_DUMP;
  }

  /** Frames that a walk may have: always the first, which is the registers of the thread. */
  get frames(): number {
    return Math.max(1, this.#frames);
  }

  /** Bytes of a stack that may be read. */
  get bytes(): number {
    return Math.max(0, this.#bytes);
  }

  /** Whether there is still room for names. */
  get hasRoom(): boolean {
    return this.#frames > 0;
  }

  /** A frame or a call that was inlined into it, with the length of its texts. */
  spendCall(characters: number): void {
    this.#frames -= 1 + Math.floor(characters / CHARACTERS);
  }

  /** What was read of a stack. */
  spendBytes(bytes: number): void {
    this.#bytes -= bytes;
  }
}
