import { HRESULT } from '../format/index.js';
import type { Task } from '../io/index.js';
import { MinidumpError } from '../io/index.js';
import type { CallbackProtocol } from './protocol.js';
import { type AddressRange, intersectRange, mergeRanges, subtractRanges } from './ranges.js';
import type { Target } from './target.js';

const PAGE = 4096n;

/** What could not be read although it was expected to be there. */
export interface ReadFailure extends AddressRange {
  /** The dump has zeros in its place; else it was left out. */
  zeroed: boolean;
  /** In a few words. */
  why: string;
}

/**
 * The memory of a target as a dump may have it: without what the callback removed, whose bytes are never read and zero wherever
 * anything is made of them, and as the callback's VmPreRead and VmPostRead want it. Every stored copy of memory goes through
 * here.
 */
export class DumpMemory {
  readonly #target: Target;
  readonly #protocol: CallbackProtocol;
  readonly #ignore: boolean;
  #removed: readonly AddressRange[] = [];
  /** In the order in which they were met. */
  readonly failures: ReadFailure[] = [];

  /** @param ignore MiniDumpIgnoreInaccessibleMemory: what cannot be read fails nothing */
  constructor(target: Target, protocol: CallbackProtocol, ignore: boolean) {
    this.#target = target;
    this.#protocol = protocol;
    this.#ignore = ignore;
  }

  /** From now on these ranges are not there. */
  remove(ranges: readonly AddressRange[]): void {
    this.#removed = mergeRanges([...this.#removed, ...ranges]);
  }

  /** Sorted, merged. */
  get removed(): readonly AddressRange[] {
    return this.#removed;
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

  /** Whether copies that the operating system gave must be made anew from `read`: the callback may change what is read. */
  get rewritten(): boolean {
    return this.#protocol.vm;
  }

  /**
   * Reads all of a range. `blank` are further parts that are zero without being read. What cannot be read fails the dump,
   * unless the type of the dump or the callback (ReadMemoryFailure) let it be: then it is zero, and among the failures.
   *
   * @param stack failures to read a stack are not the callback's to forgive
   */
  *fill(address: bigint, into: Uint8Array, blank: readonly AddressRange[] = [], stack = false): Task<void> {
    const whole = { start: address, end: address + BigInt(into.length) };
    let at = address;
    for (const { start, end } of subtractRanges(subtractRanges([whole], this.#removed), blank)) {
      into.fill(0, Number(at - address), Number(start - address));
      yield* this.#readAll(start, into.subarray(Number(start - address), Number(end - address)), stack);
      at = end;
    }
    into.fill(0, Number(at - address));
  }

  *#readAll(address: bigint, into: Uint8Array, stack: boolean): Task<void> {
    for (let done = 0; done < into.length; ) {
      done += yield* this.#read(address + BigInt(done), into.subarray(done));
      if (done === into.length) return;
      // The page that cannot be read, and what else goes on behind it.
      const start = address + BigInt(done);
      const next = (start & ~(PAGE - 1n)) + PAGE - address;
      const to = next < BigInt(into.length) ? Number(next) : into.length;
      this.#fail(start, address + BigInt(to), stack);
      into.fill(0, done, to);
      done = to;
    }
  }

  #fail(start: bigint, end: bigint, stack: boolean): void {
    this.#target.checkHeld();
    const omitted =
      this.#ignore ||
      (!stack && this.#protocol.readMemoryFailure(start, end - start, HRESULT.ERROR_PARTIAL_COPY, false));
    if (!omitted) {
      throw new MinidumpError('memory-unreadable', `memory at 0x${start.toString(16)} cannot be read`, {
        advice:
          'If it was there a moment ago, try again; or allow it with MiniDumpIgnoreInaccessibleMemory (0x20000).',
      });
    }
    const last = this.failures.at(-1);
    if (last?.zeroed && last.end === start) last.end = end;
    else this.failures.push({ start, end, zeroed: true, why: 'reading it failed' });
  }

  /** One read, as the callback wants it; gives the number of bytes from the start of `into`. */
  *#read(address: bigint, into: Uint8Array): Task<number> {
    const given = this.#protocol.vmPreRead(address, into);
    let done = given ?? 0;
    if (given !== undefined && done < into.length) {
      done += yield* this.#target.readMemory(address + BigInt(done), into.subarray(done));
    }
    return this.#protocol.vmPostRead(address, into, done);
  }

  /** As many bytes of a range as there are from its start; what was removed is zero. Nothing fails. */
  *readSome(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    const whole = { start: address, end: address + BigInt(length) };
    for (const { start, end } of subtractRanges([whole], this.#removed)) {
      const piece = bytes.subarray(Number(start - address), Number(end - address));
      const got = yield* this.#read(start, piece);
      if (got < piece.length) return bytes.subarray(0, Number(start - address) + got);
    }
    return bytes;
  }

  /** All of a range. */
  *read(address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    yield* this.fill(address, bytes);
    return bytes;
  }
}
