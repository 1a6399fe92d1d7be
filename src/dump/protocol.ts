import { MINIDUMP_CALLBACK_TYPE as Type } from '../format/index.js';
import { MinidumpError } from '../io/index.js';
import type {
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
} from './callback.js';
import { routineFromCallbacks } from './callbacks.js';
import type { DumpOptions } from './options.js';
import type { AddressRange } from './ranges.js';

type DistributiveOmit<T, K extends keyof never> = T extends unknown ? Omit<T, K> : never;
type Input = DistributiveOmit<MINIDUMP_CALLBACK_INPUT, 'ProcessId' | 'ProcessHandle'>;

/** A callback that names ranges for ever must not keep the process stopped for ever. */
const MAX_RANGES = 1_000_000;

/** Asks the callback routine, with the documented defaults, and makes sense of the answers. */
export class CallbackProtocol {
  /** A `callbacks` object: its removeMemory counts in full-memory dumps, too. */
  readonly idiomatic: boolean;
  readonly present: boolean;
  readonly #routine: MINIDUMP_CALLBACK_ROUTINE | undefined;
  readonly #param: unknown;
  readonly #pid: number;
  readonly #handle: unknown;
  #checkCancel = true;
  #moreRegions = true;

  constructor(options: DumpOptions, pid: number, handle: unknown) {
    if (options.callback !== undefined && options.callbacks !== undefined) {
      throw new MinidumpError('invalid-argument', 'give either `callback` or `callbacks`, not both');
    }
    const routine = options.callback?.CallbackRoutine ?? undefined;
    if (routine !== undefined && typeof routine !== 'function') {
      throw new MinidumpError('invalid-argument', 'CallbackRoutine is not a function');
    }
    this.idiomatic = options.callbacks !== undefined;
    this.#routine =
      options.callbacks === undefined
        ? (routine as MINIDUMP_CALLBACK_ROUTINE | undefined)
        : routineFromCallbacks(options.callbacks);
    this.#param = options.callback?.CallbackParam;
    this.present = this.#routine !== undefined;
    this.#pid = pid;
    this.#handle = handle;
  }

  #call(input: Input, output: Partial<MINIDUMP_CALLBACK_OUTPUT>): boolean {
    const full = { ProcessId: this.#pid, ProcessHandle: this.#handle, ...input } as MINIDUMP_CALLBACK_INPUT;
    let answer: unknown;
    try {
      answer = this.#routine!(this.#param, full, output as MINIDUMP_CALLBACK_OUTPUT);
    } catch (cause) {
      if (cause instanceof MinidumpError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new MinidumpError('callback-failed', `the callback threw: ${message}`, { cause });
    }
    if (typeof (answer as Promise<unknown> | undefined)?.then === 'function') {
      // Nobody will wait for it; a later rejection must not take the process down.
      (answer as Promise<unknown>).then(undefined, () => {});
      throw new MinidumpError(
        'callback-async',
        'the callback is asynchronous: the process stands still while it runs',
        {
          advice: 'Do what takes time before the dump or after it, and answer with a plain value.',
        },
      );
    }
    return Boolean(answer);
  }

  /** Gives the callback the chance to give the dump up; asked on while it says CheckCancel. */
  checkCancelled(): void {
    if (!this.present || !this.#checkCancel) return;
    const output = { CheckCancel: false, Cancel: false };
    const answer = this.#call({ CallbackType: Type.CancelCallback }, output);
    this.#checkCancel = answer && Boolean(output.CheckCancel);
    if (answer && output.Cancel) throw new MinidumpError('cancelled', 'the callback cancelled the dump');
  }

  /** The write flags of a thread, or 0 if it is left out. Asked before the thread is stopped. */
  includeThread(ThreadId: number, flags: number): number {
    if (!this.present) return flags;
    const output = { ThreadWriteFlags: flags };
    const answer = this.#call(
      { CallbackType: Type.IncludeThreadCallback, IncludeThread: { ThreadId } },
      output,
    );
    return answer ? flags & output.ThreadWriteFlags : 0;
  }

  includeModule(BaseOfImage: bigint, flags: number): number {
    if (!this.present) return flags;
    const output = { ModuleWriteFlags: flags };
    const answer = this.#call(
      { CallbackType: Type.IncludeModuleCallback, IncludeModule: { BaseOfImage } },
      output,
    );
    return answer ? flags & output.ModuleWriteFlags : 0;
  }

  module(
    input: DistributiveOmit<Extract<Input, { Module: unknown }>, 'CallbackType'>,
    flags: number,
  ): number {
    if (!this.present) return flags;
    const output = { ModuleWriteFlags: flags };
    const answer = this.#call({ CallbackType: Type.ModuleCallback, ...input }, output);
    return answer ? flags & output.ModuleWriteFlags : 0;
  }

  thread(
    input: DistributiveOmit<Extract<Input, { Thread: unknown }>, 'CallbackType'>,
    flags: number,
  ): number {
    if (!this.present) return flags;
    const output = { ThreadWriteFlags: flags };
    const answer = this.#call({ CallbackType: Type.ThreadCallback, ...input }, output);
    return answer ? flags & output.ThreadWriteFlags : 0;
  }

  /** The regions that MemoryCallback adds. */
  memory(): AddressRange[] {
    return this.#ranges(Type.MemoryCallback);
  }

  /** The regions that RemoveMemoryCallback takes out. */
  removeMemory(): AddressRange[] {
    return this.#ranges(Type.RemoveMemoryCallback);
  }

  #ranges(CallbackType: typeof Type.MemoryCallback | typeof Type.RemoveMemoryCallback): AddressRange[] {
    const ranges: AddressRange[] = [];
    while (this.present) {
      const output = { MemoryBase: 0n, MemorySize: 0 as number | bigint };
      if (!this.#call({ CallbackType }, output)) break;
      const size = toBigInt(output.MemorySize, 'MemorySize');
      if (size === 0n) break;
      const start = toBigInt(output.MemoryBase, 'MemoryBase');
      if (start < 0n || size < 0n || start + size > 1n << 64n) {
        throw new MinidumpError(
          'callback-failed',
          `the callback named an impossible range: ${size} bytes at ${start}`,
        );
      }
      ranges.push({ start, end: start + size });
      if (ranges.length > MAX_RANGES) {
        throw new MinidumpError('callback-failed', `the callback named more than ${MAX_RANGES} ranges`, {
          advice: 'Return FALSE when there are no more.',
        });
      }
      this.checkCancelled();
    }
    return ranges;
  }

  /**
   * What is left of a region of a full-memory dump. FALSE or Continue left FALSE means that the callback does not want
   * to be asked again; the region stays as it is.
   */
  includeVmRegion(region: MINIDUMP_CALLBACK_OUTPUT['VmRegion']): AddressRange | undefined {
    const whole = { start: region.BaseAddress, end: region.BaseAddress + region.RegionSize };
    if (!this.present || !this.#moreRegions) return whole;
    const output = { VmRegion: { ...region }, Continue: false };
    const answer = this.#call({ CallbackType: Type.IncludeVmRegionCallback }, output);
    if (!answer || !output.Continue) {
      this.#moreRegions = false;
      return whole;
    }
    const size = toBigInt(output.VmRegion.RegionSize, 'RegionSize');
    if (size === 0n) return undefined;
    const start = toBigInt(output.VmRegion.BaseAddress, 'BaseAddress');
    const [page, end] = [4095n, start + size];
    if (start < whole.start || end > whole.end || ((start | end) & page) !== 0n) {
      throw new MinidumpError(
        'callback-failed',
        `the callback made a region larger or cut through a page: ${size} bytes at 0x${start.toString(16)}`,
        { advice: 'VmRegion may only shrink, by whole pages.' },
      );
    }
    return { start, end };
  }
}

function toBigInt(value: unknown, what: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new MinidumpError(
    'callback-failed',
    `the callback set ${what} to ${String(value)}, which is no whole number`,
  );
}
