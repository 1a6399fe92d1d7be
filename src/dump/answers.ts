import { HRESULT, MINIDUMP_SECONDARY_FLAGS } from '../format/index.js';
import { MinidumpError } from '../io/index.js';
import type {
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_MEMORY_INFO_VALUE,
} from './callback.js';
import type { AddressRange } from './ranges.js';

/*
 * What a callback routine may answer. Our own engine and the bridge to DbgHelp ask the same routine: what cannot be is refused
 * with the same error.
 */

const { S_OK, E_NOTIMPL } = HRESULT;

/** A callback that names ranges for ever must not keep the process stopped for ever. */
const MAX_RANGES = 1_000_000;

/** Calls the routine. What it throws, and a promise, become a MinidumpError. */
export function askRoutine(
  routine: MINIDUMP_CALLBACK_ROUTINE,
  param: unknown,
  input: MINIDUMP_CALLBACK_INPUT,
  output: Partial<MINIDUMP_CALLBACK_OUTPUT>,
): boolean {
  let answer: unknown;
  try {
    answer = routine(param, input, output as MINIDUMP_CALLBACK_OUTPUT);
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

export function cancelledByCallback(): MinidumpError {
  return new MinidumpError('cancelled', 'the callback cancelled the dump');
}

export function checkSecondaryFlags(flags: unknown): number {
  const invalid = ~MINIDUMP_SECONDARY_FLAGS.MiniSecondaryValidFlags;
  if (typeof flags === 'number' && Number.isInteger(flags) && (flags & invalid) === 0) return flags;
  throw new MinidumpError(
    'invalid-argument',
    `the callback set SecondaryFlags to ${String(flags)}, which has bits without a meaning`,
    { advice: 'MiniSecondaryWithoutPowerInfo (1) is the only one.' },
  );
}

/** The range that MemoryCallback or RemoveMemoryCallback named; undefined if it named none. */
export function checkRange(
  output: Pick<MINIDUMP_CALLBACK_OUTPUT, 'MemoryBase' | 'MemorySize'>,
): AddressRange | undefined {
  const size = toBigInt(output.MemorySize, 'MemorySize');
  if (size === 0n) return undefined;
  const start = toBigInt(output.MemoryBase, 'MemoryBase');
  if (start < 0n || size < 0n || start + size > 1n << 64n) {
    throw new MinidumpError(
      'callback-failed',
      `the callback named an impossible range: ${size} bytes at ${start}`,
    );
  }
  return { start, end: start + size };
}

/** @param count ranges that one of the two has named so far */
export function checkRangeCount(count: number): void {
  if (count <= MAX_RANGES) return;
  throw new MinidumpError('callback-failed', `the callback named more than ${MAX_RANGES} ranges`, {
    advice: 'Return FALSE when there are no more.',
  });
}

/** What the callback leaves of a region: a part of it by whole pages, or nothing. */
export function checkRegionPart(
  region: Pick<MINIDUMP_MEMORY_INFO_VALUE, 'BaseAddress' | 'RegionSize'>,
  answered: Pick<MINIDUMP_MEMORY_INFO_VALUE, 'BaseAddress' | 'RegionSize'>,
): AddressRange | undefined {
  const size = toBigInt(answered.RegionSize, 'RegionSize');
  if (size === 0n) return undefined;
  const whole = { start: region.BaseAddress, end: region.BaseAddress + region.RegionSize };
  const start = toBigInt(answered.BaseAddress, 'BaseAddress');
  const end = start + size;
  // The region's own borders need not be those of pages: in a dump they may lie anywhere.
  const cut = (at: bigint) => at !== whole.start && at !== whole.end && (at & 4095n) !== 0n;
  if (start < whole.start || end > whole.end || cut(start) || cut(end)) {
    throw new MinidumpError(
      'callback-failed',
      `the callback made a region larger or cut through a page: ${size} bytes at 0x${start.toString(16)}`,
      { advice: 'VmRegion may only shrink, by whole pages.' },
    );
  }
  return { start, end };
}

/** What VmQueryCallback says of an address; undefined where it leaves it to the system. */
export function checkQueryResult(
  Offset: bigint,
  output: Pick<MINIDUMP_CALLBACK_OUTPUT, 'VmQueryStatus' | 'VmQueryResult'>,
): MINIDUMP_MEMORY_INFO_VALUE | undefined {
  const status = toResult(output.VmQueryStatus);
  if (status === E_NOTIMPL) return undefined;
  const result = output.VmQueryResult;
  const size = toBigInt(result.RegionSize, 'RegionSize');
  const base = toBigInt(result.BaseAddress, 'BaseAddress');
  if (status !== S_OK || size <= 0n || base > Offset || base + size <= Offset || base + size > 1n << 64n) {
    throw new MinidumpError(
      'callback-failed',
      status === S_OK
        ? `VmQueryResult does not hold the address that was asked for, 0x${Offset.toString(16)}`
        : `VmQueryStatus is 0x${status.toString(16)}: the memory of the process cannot be listed`,
      { advice: 'Set S_OK and a region that holds the address, or E_NOTIMPL to leave it to mdmp.' },
    );
  }
  return { ...result, BaseAddress: base, RegionSize: size };
}

/** VmReadBytesCompleted, of a read of `most` bytes. */
export function checkReadCount(value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new MinidumpError(
    'callback-failed',
    `the callback set VmReadBytesCompleted to ${String(value)}, of ${most} bytes`,
  );
}

/** A callback that took over the output must write it. */
export function checkWritten(what: string, answer: boolean, Status: unknown): void {
  const status = toResult(Status);
  if (answer && status === S_OK) return;
  const said = answer ? `Status 0x${status.toString(16)}` : 'FALSE';
  throw new MinidumpError('write-failed', `the callback could not write the dump: ${what} gave ${said}`, {
    advice: 'A callback that took over the output (IoStart) must answer TRUE with Status S_OK.',
  });
}

/** VmQueryResult before anybody answered. */
export function unknownRegion(): MINIDUMP_MEMORY_INFO_VALUE {
  return {
    BaseAddress: 0n,
    AllocationBase: 0n,
    AllocationProtect: 0,
    RegionSize: 0n,
    State: 0,
    Protect: 0,
    Type: 0,
  };
}

/** An HRESULT as the unsigned number of HRESULT; programs may give it signed. */
export function toResult(value: unknown): number {
  return Number(value) >>> 0;
}

export function toBigInt(value: unknown, what: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new MinidumpError(
    'callback-failed',
    `the callback set ${what} to ${String(value)}, which is no whole number`,
  );
}
