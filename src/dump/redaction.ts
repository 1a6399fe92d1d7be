import type { Task } from '../io/index.js';
import { MinidumpError } from '../io/index.js';
import { type AddressRange, intersectRange, subtractRanges } from './ranges.js';
import type { Target } from './target.js';

/**
 * The memory of a target without what the callback removed: those bytes are never read, and zero wherever anything is made of
 * them. Every stored copy of memory goes through here.
 */
export class RedactedMemory {
  readonly #target: Target;
  readonly #removed: readonly AddressRange[];

  /** @param removed sorted and merged */
  constructor(target: Target, removed: readonly AddressRange[]) {
    this.#target = target;
    this.#removed = removed;
  }

  /** Whether any byte of the range was removed. */
  touches(address: bigint, length: number): boolean {
    return intersectRange(this.#removed, address, address + BigInt(length)).length > 0;
  }

  /** Zeroes in `bytes`, a copy of what lies at `address`, what was removed. */
  blank(address: bigint, bytes: Uint8Array): void {
    for (const { start, end } of intersectRange(this.#removed, address, address + BigInt(bytes.length))) {
      bytes.fill(0, Number(start - address), Number(end - address));
    }
  }

  /** Reads all of a range; fails where it cannot be read. `blank` are further parts that are zero without being read. */
  *fill(address: bigint, into: Uint8Array, blank: readonly AddressRange[] = []): Task<void> {
    const whole = { start: address, end: address + BigInt(into.length) };
    const readable = subtractRanges(subtractRanges([whole], this.#removed), blank);
    let at = address;
    for (const { start, end } of readable) {
      into.fill(0, Number(at - address), Number(start - address));
      const piece = into.subarray(Number(start - address), Number(end - address));
      const got = yield* this.#target.readMemory(start, piece);
      if (got < piece.length) {
        this.#target.checkHeld();
        throw new MinidumpError(
          'memory-unreadable',
          `memory at 0x${(start + BigInt(got)).toString(16)} could not be read, although it could a moment ago`,
          { advice: 'Try again; the process may have ended or changed its memory.' },
        );
      }
      at = end;
    }
    into.fill(0, Number(at - address));
  }

  /** As many bytes of a range as there are from its start; what was removed is zero. */
  *readSome(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    const got = yield* this.#target.readMemory(address, bytes);
    this.blank(address, bytes);
    return bytes.subarray(0, got);
  }

  *read(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    yield* this.fill(address, bytes);
    return bytes;
  }
}
