/** A thread gets this much however many there are: a thread takes 48 bytes of the file at least, so that the work stays linear in its size. */
const LEAST_STACK = 64 << 10;
const LEAST_FRAMES = 16;

/**
 * What the walks of one dump may cost together. Real threads have stacks of their own, and real frames a return address each: all of
 * them fit into the file. A thread list that names one stack ten thousand times does not get ten thousand times the work.
 */
export class WalkBudget {
  #stackBytes: number;
  #frames: number;

  /**
   * @param fileSize bytes of the dump
   * @param pointerSize bytes of a return address
   */
  constructor(fileSize: number, pointerSize: number) {
    // Twice: the crashed thread's stack may be read in two places, and stacks that a program cuts out of its heap (Go) are
    // recorded beyond their ends.
    this.#stackBytes = 2 * fileSize;
    this.#frames = Math.ceil(fileSize / pointerSize);
  }

  /** Bytes of stack that the next walk may read. */
  get stackBytes(): number {
    return Math.max(LEAST_STACK, this.#stackBytes);
  }

  /** Frames that the next walk may find. */
  get frames(): number {
    return Math.max(LEAST_FRAMES, this.#frames);
  }

  spend(stackBytes: number, frames: number): void {
    this.#stackBytes -= stackBytes;
    this.#frames -= frames;
  }
}
