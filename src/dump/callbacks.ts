import {
  HRESULT,
  MemoryProtection,
  MemoryState,
  MemoryType,
  MINIDUMP_CALLBACK_TYPE as Type,
} from '../format/index.js';
import { MinidumpError } from '../io/index.js';
import type {
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_THREAD_CALLBACK,
} from './callback.js';

const { S_OK, S_FALSE, E_FAIL } = HRESULT;

/** A piece of memory: `size` in bytes. */
export interface CallbackRange {
  address: bigint;
  size: number | bigint;
}

/** A thread as `callbacks.thread` sees it. */
export interface CallbackThread {
  id: number;
  /** CONTEXT as it will be written. */
  context: Uint8Array;
  /** Low end of the captured stack. */
  stackBase: bigint;
  stackEnd: bigint;
  /** THREAD_WRITE_FLAGS that are set so far. */
  flags: number;
  /** Itanium only: the second stack, for registers. */
  backingStore?: { base: bigint; end: bigint };
}

/** A module as `callbacks.module` sees it. */
export interface CallbackModule {
  path: string;
  base: bigint;
  size: number;
  checkSum: number;
  timeDateStamp: number;
  codeView: Uint8Array | undefined;
  /** VS_FIXEDFILEINFO */
  versionInfo: Uint8Array | undefined;
  misc: Uint8Array | undefined;
  /** MODULE_WRITE_FLAGS that are set so far. */
  flags: number;
}

/** A region as `callbacks.includeVmRegion` sees it; protection and type are PAGE_* and MEM_*. */
export interface CallbackRegion {
  base: bigint;
  size: bigint;
  protection: number;
  type: number;
  /** MEM_COMMIT or MEM_RESERVE */
  state: number;
  allocationBase: bigint;
  allocationProtection: number;
}

/** A region as `callbacks.vmQuery` answers it. What is left out is MEM_COMMIT, PAGE_READWRITE and MEM_PRIVATE. */
export interface CallbackMemoryInfo {
  base: bigint;
  size: bigint;
  state?: number;
  protection?: number;
  type?: number;
  allocationBase?: bigint;
  allocationProtection?: number;
}

/** A read of the process' memory: `buffer` receives, or holds, what lies at `address`. */
export interface CallbackRead {
  address: bigint;
  buffer: Uint8Array;
}

/** Memory that cannot be read: `size` in bytes, `status` an HRESULT. */
export interface CallbackReadFailure {
  address: bigint;
  size: bigint;
  status: number;
}

/** Bytes of the dump that `callbacks.ioWriteAll` must write; `bytes` is valid until it returns. */
export interface CallbackWrite {
  /** From the start of the dump. They come in order, without gaps. */
  offset: bigint;
  bytes: Uint8Array;
}

/**
 * The callback as an object of functions, each optional: the same protocol as a CallbackRoutine, under names that an editor
 * completes. They are called while the process stands still, so they must be quick, and they cannot be asynchronous.
 */
export interface Callbacks {
  /** Whether a thread is stopped and dumped at all. Asked before the thread is touched. */
  includeThread?(thread: { id: number }): boolean | undefined;
  /** Whether a module is in the dump; `module` is asked later and knows more. */
  includeModule?(module: { base: bigint }): boolean | undefined;
  /** False leaves the module out; a number replaces its flags (bits can only be cleared). */
  module?(module: CallbackModule): boolean | number | undefined;
  /** False leaves the thread out; a number replaces its flags (bits can only be cleared). */
  thread?(thread: CallbackThread): boolean | number | undefined;
  /** More memory for the dump. Not asked in a full-memory dump, which has it all. */
  memory?(): Iterable<CallbackRange>;
  /** Memory that must not be in the dump. In a full-memory dump, too. */
  removeMemory?(): Iterable<CallbackRange>;
  /** In a full-memory dump: false drops a region, a range keeps that part of it. May be asked twice a region. */
  includeVmRegion?(region: CallbackRegion): boolean | CallbackRange | undefined;
  /** True gives the dump up. Asked again and again. */
  cancel?(): boolean | undefined;

  /** MINIDUMP_SECONDARY_FLAGS: 1 leaves out what is known of the processors' power states. */
  secondaryFlags?(): number;
  /**
   * Memory that was wanted cannot be read: true leaves it out, false fails the dump, nothing does what would be done without
   * this function. Not asked with MiniDumpIgnoreInaccessibleMemory, and not for stacks.
   */
  readMemoryFailure?(failure: CallbackReadFailure): boolean | undefined;

  /** False leaves the output to mdmp though there is an `ioWriteAll`. */
  ioStart?(): boolean;
  /** Writes the dump in place of mdmp, while the process runs. False fails the dump. */
  ioWriteAll?(write: CallbackWrite): boolean | undefined;
  /** All has been written. False fails the dump. */
  ioFinish?(): boolean | undefined;

  /** True: what is dumped is a snapshot and does not run. True of cores and dumps only. */
  isProcessSnapshot?(): boolean;
  /** False leaves queries and reads to mdmp though one of the three below is there. */
  vmStart?(): boolean;
  /** What lies at an address, in place of the system's answer; nothing leaves it to the system. */
  vmQuery?(query: { address: bigint }): CallbackMemoryInfo | undefined;
  /** Before each read of memory: the number of bytes that were put into the buffer; the rest is read from the process. */
  vmPreRead?(read: CallbackRead): number | undefined;
  /** After each read of memory: what is changed in the buffer is changed in the dump. */
  vmPostRead?(read: CallbackRead): void;

  /** After the dump: somewhere to write a dump of the kernel to. Nobody can on Linux: `kernelMinidumpStatus` gets E_NOTIMPL. */
  writeKernelMinidump?(): unknown;
  /** HRESULT of the kernel's dump. */
  kernelMinidumpStatus?(result: { status: number }): void;
}

/** The routine that a `callbacks` object stands for. */
export function routineFromCallbacks(callbacks: Callbacks): MINIDUMP_CALLBACK_ROUTINE {
  let added: Iterator<CallbackRange> | undefined;
  let removed: Iterator<CallbackRange> | undefined;
  const has = (name: keyof Callbacks) => callbacks[name] !== undefined;
  const thread = (
    { ThreadId: id, Context: context, StackBase: stackBase, StackEnd: stackEnd }: MINIDUMP_THREAD_CALLBACK,
    output: MINIDUMP_CALLBACK_OUTPUT,
    more: Pick<CallbackThread, 'backingStore'> = {},
  ) => {
    const answer = callbacks.thread?.({
      id,
      context,
      stackBase,
      stackEnd,
      flags: output.ThreadWriteFlags,
      ...more,
    });
    if (typeof answer === 'number') output.ThreadWriteFlags = answer;
    return keep(answer);
  };
  return (_param, input, output) => {
    switch (input.CallbackType) {
      case Type.IncludeThreadCallback:
        return callbacks.includeThread?.({ id: input.IncludeThread.ThreadId }) ?? true;
      case Type.IncludeModuleCallback:
        return callbacks.includeModule?.({ base: input.IncludeModule.BaseOfImage }) ?? true;
      case Type.ModuleCallback: {
        const { Module: module } = input;
        const answer = callbacks.module?.({
          path: module.FullPath,
          base: module.BaseOfImage,
          size: module.SizeOfImage,
          checkSum: module.CheckSum,
          timeDateStamp: module.TimeDateStamp,
          codeView: module.CvRecord,
          versionInfo: module.VersionInfo,
          misc: module.MiscRecord,
          flags: output.ModuleWriteFlags,
        });
        if (typeof answer === 'number') output.ModuleWriteFlags = answer;
        return keep(answer);
      }
      case Type.ThreadCallback:
        return thread(input.Thread, output);
      case Type.ThreadExCallback: {
        const { BackingStoreBase: base, BackingStoreEnd: end } = input.ThreadEx;
        return thread(input.ThreadEx, output, { backingStore: { base, end } });
      }
      case Type.MemoryCallback:
        added ??= iterate(callbacks.memory?.());
        return nextRange(added, output);
      case Type.RemoveMemoryCallback:
        removed ??= iterate(callbacks.removeMemory?.());
        return nextRange(removed, output);
      case Type.IncludeVmRegionCallback: {
        if (callbacks.includeVmRegion === undefined) return false;
        const { VmRegion: region } = output;
        const answer = callbacks.includeVmRegion({
          base: region.BaseAddress,
          size: region.RegionSize,
          protection: region.Protect,
          type: region.Type,
          state: region.State,
          allocationBase: region.AllocationBase,
          allocationProtection: region.AllocationProtect,
        });
        if (answer === false) region.RegionSize = 0n;
        else if (typeof answer === 'object' && answer !== null) {
          region.BaseAddress = answer.address;
          region.RegionSize = BigInt(answer.size);
        }
        output.Continue = true;
        return true;
      }
      case Type.CancelCallback: {
        const answer = callbacks.cancel?.() ?? false;
        output.Cancel = answer;
        output.CheckCancel = callbacks.cancel !== undefined;
        return keep(typeof answer === 'object' ? answer : true);
      }
      case Type.SecondaryFlagsCallback:
        if (callbacks.secondaryFlags === undefined) return false;
        output.SecondaryFlags = callbacks.secondaryFlags();
        return plain(output.SecondaryFlags);
      case Type.ReadMemoryFailureCallback: {
        const { Offset: address, Bytes: size, FailureStatus: status } = input.ReadMemoryFailure;
        const answer = callbacks.readMemoryFailure?.({ address, size, status });
        if (answer !== undefined) output.Status = answer === false ? status : S_OK;
        return plain(answer);
      }
      case Type.IoStartCallback: {
        const answer = has('ioWriteAll') ? (callbacks.ioStart?.() ?? true) : false;
        if (answer === true) output.Status = S_FALSE;
        return plain(answer);
      }
      case Type.IoWriteAllCallback: {
        const answer = callbacks.ioWriteAll?.({ offset: input.Io.Offset, bytes: input.Io.Buffer });
        output.Status = answer === false ? E_FAIL : S_OK;
        return plain(answer);
      }
      case Type.IoFinishCallback: {
        const answer = callbacks.ioFinish?.();
        output.Status = answer === false ? E_FAIL : S_OK;
        return plain(answer);
      }
      case Type.IsProcessSnapshotCallback: {
        const answer = callbacks.isProcessSnapshot?.() ?? false;
        if (answer === true) output.Status = S_FALSE;
        return plain(answer);
      }
      case Type.VmStartCallback: {
        const any = has('vmQuery') || has('vmPreRead') || has('vmPostRead');
        const answer = any ? (callbacks.vmStart?.() ?? true) : false;
        if (answer === true) output.Status = S_FALSE;
        return plain(answer);
      }
      case Type.VmQueryCallback: {
        const answer = callbacks.vmQuery?.({ address: input.VmQuery.Offset });
        if (answer === undefined) return false;
        const protection = answer.protection ?? MemoryProtection.PAGE_READWRITE;
        output.VmQueryStatus = S_OK;
        output.VmQueryResult = {
          BaseAddress: answer.base,
          RegionSize: answer.size,
          State: answer.state ?? MemoryState.MEM_COMMIT,
          Protect: protection,
          Type: answer.type ?? MemoryType.MEM_PRIVATE,
          AllocationBase: answer.allocationBase ?? answer.base,
          AllocationProtect: answer.allocationProtection ?? protection,
        };
        return plain(answer);
      }
      case Type.VmPreReadCallback: {
        const { Offset: address, Buffer: buffer } = input.VmPreRead;
        const answer = callbacks.vmPreRead?.({ address, buffer });
        if (answer === undefined) return false;
        output.VmReadStatus = S_OK;
        output.VmReadBytesCompleted = answer;
        return plain(answer);
      }
      case Type.VmPostReadCallback: {
        const { Offset: address, Buffer: buffer, Completed } = input.VmPostRead;
        return plain(callbacks.vmPostRead?.({ address, buffer: buffer.subarray(0, Completed) }));
      }
      case Type.WriteKernelMinidumpCallback: {
        const answer = callbacks.writeKernelMinidump?.();
        if (answer === undefined || answer === null) return false;
        output.Handle = answer;
        return plain(answer);
      }
      case Type.KernelMinidumpStatusCallback:
        return plain(callbacks.kernelMinidumpStatus?.({ status: input.Status }));
      default:
        return false;
    }
  };
}

function iterate(ranges: Iterable<CallbackRange> | undefined): Iterator<CallbackRange> | undefined {
  if (ranges !== undefined && typeof ranges[Symbol.iterator] !== 'function') {
    throw new MinidumpError(
      'callback-async',
      'memory and removeMemory must give an array or another iterable at once',
      {
        advice: 'Do what takes time before the dump or after it, and answer with a plain value.',
      },
    );
  }
  return ranges?.[Symbol.iterator]();
}

/** Returning nothing leaves a thread or module in: only false takes it out. A promise goes on to whoever refuses it. */
function keep(answer: unknown): boolean {
  if (typeof answer === 'object' && answer !== null) return answer as unknown as boolean;
  return answer !== false;
}

/** TRUE; but a promise goes on to whoever refuses it. */
function plain(answer: unknown): boolean {
  const promised = typeof (answer as Promise<unknown> | undefined | null)?.then === 'function';
  return promised ? (answer as unknown as boolean) : true;
}

function nextRange(
  ranges: Iterator<CallbackRange> | undefined,
  output: { MemoryBase: bigint; MemorySize: number | bigint },
): boolean {
  const next = ranges?.next();
  if (next === undefined || next.done) return false;
  output.MemoryBase = next.value.address;
  output.MemorySize = next.value.size;
  return true;
}
