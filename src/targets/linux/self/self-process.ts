import type { PlacedRange } from '../../../dump/target.js';
import { MINIDUMP_TYPE } from '../../../format/index.js';
import { type FileRegion, MinidumpError, type Task } from '../../../io/index.js';
import { Spool } from '../../../node/spool.js';
import { LinuxProcess } from '../linux-process.js';
import { type LiveOptions, MAX_PAUSE, MAX_STACK } from '../live.js';
import type { Recording, ThreadHolder } from '../thread-holder.js';
import { slotSize } from '../tracer-protocol.js';
import { runHelper } from './helper.js';
import { helperOptions } from './protocol.js';
import { RecordedMemory } from './recorded-memory.js';

const CHUNK = 1024 * 1024;

/**
 * This process, to be dumped under a callback: a helper has recorded it, and the callback, which can neither be called in another
 * process nor while this one stands still, is asked about what was recorded. All else is as for a live process.
 */
export class SelfProcess extends LinuxProcess {
  constructor(options: LiveOptions, handle: unknown) {
    const { type = 0, maxPause = MAX_PAUSE, maxStack = MAX_STACK } = options;
    super(
      process.pid,
      { maxPause, maxStack, type, snapshot: 'never', holder: new SelfHolder(options, maxPause) },
      handle,
    );
  }

  override *copyInto(
    ranges: readonly PlacedRange[],
    region: FileRegion,
    tick: (done: number) => void,
  ): Task<readonly PlacedRange[]> {
    const buffer = new Uint8Array(CHUNK);
    const left: PlacedRange[] = [];
    let done = 0;
    for (const { start, end, position } of ranges) {
      for (let at = start; at < end; ) {
        const piece = buffer.subarray(0, end - at < CHUNK ? Number(end - at) : CHUNK);
        const next = at + BigInt(piece.length);
        const place = position + Number(at - start);
        if ((yield* this.readMemory(at, piece)) === piece.length) region.writeAt(place, piece);
        else left.push({ start: at, end: next, position: place });
        done += piece.length;
        tick(done);
        at = next;
      }
    }
    return left;
  }
}

/** Threads as they were recorded. */
class SelfHolder implements ThreadHolder {
  readonly slotSize: number;
  readonly #options: LiveOptions;
  readonly #maxPause: number;
  #recording: Recording | undefined;
  #pause = 0;

  constructor(options: LiveOptions, maxPause: number) {
    this.slotSize = slotSize(((options.type ?? 0) & MINIDUMP_TYPE.MiniDumpWithAvxXStateContext) !== 0);
    this.#options = options;
    this.#maxPause = maxPause;
  }

  /** Stops and records this process. */
  ready(): void {
    const spool = new Spool(this.#options.spool);
    try {
      const request = {
        pid: process.pid,
        kind: 'record' as const,
        position: 0,
        options: helperOptions(this.#options),
      };
      const answer = runHelper(request, spool.reserve(0), this.#maxPause);
      if (answer.kind !== 'recording')
        throw new MinidumpError('helper-failed', 'the helper has not recorded');
      const { threads, slots, calls, maps, parts, size, notes, shortenedCalls, pause } = answer.recording;
      spool.reserve(size);
      this.#pause = pause;
      this.#recording = {
        threads,
        // Registers are read as words: at the beginning of a buffer of their own.
        slots: new DataView(slots.slice().buffer),
        calls,
        maps: Buffer.from(maps),
        memory: new RecordedMemory(parts, spool),
        notes,
        shortenedCalls,
      };
    } catch (error) {
      spool[Symbol.dispose]();
      throw error;
    }
  }

  get recording(): Recording | undefined {
    return this.#recording;
  }

  get pause(): number {
    return this.#pause;
  }

  stop(): DataView {
    throw new MinidumpError('own-process', 'a process cannot stop itself');
  }

  checkHeld(): void {}

  release(): void {
    this.#recording?.memory[Symbol.dispose]();
  }
}
