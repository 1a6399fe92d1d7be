import type { Task } from '../io/index.js';
import type { MemoryView } from '../reader/index.js';

/** Memory that is there at once. */
export interface WordMemory {
  /** An unsigned integer of so many bytes; undefined where the dump does not hold all of them. */
  read(address: bigint, size: 1 | 2 | 4 | 8): bigint | undefined;
}

/** Bytes of a process, from an address. */
export interface MemoryPiece {
  readonly start: bigint;
  readonly bytes: Uint8Array;
}

/** A few pieces of memory, in the byte order of the process. A word that lies in two pieces is in none. */
export class CapturedMemory implements WordMemory {
  /** Bytes of all pieces. */
  readonly size: number;
  readonly #pieces: readonly { start: bigint; end: bigint; view: DataView }[];
  readonly #littleEndian: boolean;

  constructor(pieces: readonly MemoryPiece[], littleEndian = true) {
    this.#littleEndian = littleEndian;
    this.size = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#pieces = pieces.map(({ start, bytes }) => ({
      start,
      end: start + BigInt(bytes.length),
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    }));
  }

  /** All of it, for a look at every word. */
  get views(): readonly DataView[] {
    return this.#pieces.map(({ view }) => view);
  }

  read(address: bigint, size: 1 | 2 | 4 | 8): bigint | undefined {
    const end = address + BigInt(size);
    const piece = this.#pieces.find((one) => address >= one.start && end <= one.end);
    if (piece === undefined) return undefined;
    const at = Number(address - piece.start);
    const { view } = piece;
    switch (size) {
      case 1:
        return BigInt(view.getUint8(at));
      case 2:
        return BigInt(view.getUint16(at, this.#littleEndian));
      case 4:
        return BigInt(view.getUint32(at, this.#littleEndian));
      case 8:
        return view.getBigUint64(at, this.#littleEndian);
    }
  }
}

/** Below the stack pointer: red zones have 128 bytes at most; a page costs no more to read. */
const BELOW_STACK_POINTER = 4096n;

/** A thread of Linux has 8 MiB of stack; what is more is far from the frames that are looked at. */
const MOST_OF_A_STACK = 8 << 20;

/**
 * Reads the stack of a thread: from a little below the stack pointer to the end of the stack. If the stack pointer is not where the
 * thread list says that the stack is, the memory that is there, and the start of that stack: either may be what went wrong.
 *
 * @param stack StartOfMemoryRange of the thread's stack and its size in bytes, which may be 0
 * @param most bytes that are read; of one stack no more than 8 MiB
 */
export function* fetchStack(
  memory: MemoryView,
  stack: { readonly start: bigint; readonly size: number },
  stackPointer: bigint,
  littleEndian = true,
  most = Number.POSITIVE_INFINITY,
): Task<CapturedMemory> {
  // Its memory may come in several ranges that touch: other ranges of the dump may have some of it too.
  const recorded = { start: stack.start, end: stack.start + BigInt(stack.size) };
  const below = stackPointer - BELOW_STACK_POINTER;
  const wanted: { start: bigint; end: bigint }[] = [];
  if (stackPointer >= recorded.start && stackPointer < recorded.end) {
    wanted.push({ start: below > recorded.start ? below : recorded.start, end: recorded.end });
  } else {
    const current = memory.find(stackPointer);
    if (current) wanted.push({ start: below > current.start ? below : current.start, end: current.end });
    const start = memory.find(stack.start);
    if (start && start !== current) {
      wanted.push({ start: stack.start, end: recorded.end > stack.start ? recorded.end : start.end });
    }
  }
  const pieces: MemoryPiece[] = [];
  let left = most;
  for (const { start, end } of wanted) {
    const bytes = yield* memory.readTask(start, Math.min(Number(end - start), left, MOST_OF_A_STACK));
    left -= bytes.length;
    pieces.push({ start, bytes });
  }
  return new CapturedMemory(pieces, littleEndian);
}
