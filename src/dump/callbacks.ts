import { MINIDUMP_CALLBACK_TYPE as Type } from '../format/index.js';
import { MinidumpError } from '../io/index.js';
import type { MINIDUMP_CALLBACK_ROUTINE } from './callback.js';

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
}

/** A module as `callbacks.module` sees it. */
export interface CallbackModule {
  path: string;
  base: bigint;
  size: number;
  checkSum: number;
  timeDateStamp: number;
  codeView: Uint8Array | undefined;
  /** MODULE_WRITE_FLAGS that are set so far. */
  flags: number;
}

/** A region as `callbacks.includeVmRegion` sees it; protection and type are PAGE_* and MEM_*. */
export interface CallbackRegion {
  base: bigint;
  size: bigint;
  protection: number;
  type: number;
}

/**
 * The callback as an object of functions, each optional: the same protocol as a CallbackRoutine, under names that an editor
 * completes. They are called while the process stands still, so they must be quick, and they cannot be asynchronous.
 */
export interface Callbacks {
  /** Whether a thread is stopped and dumped at all. Asked before the thread is touched. */
  includeThread?(thread: { id: number }): boolean;
  /** Whether a module is in the dump; `module` is asked later and knows more. */
  includeModule?(module: { base: bigint }): boolean;
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
  cancel?(): boolean;
}

/** The routine that a `callbacks` object stands for. */
export function routineFromCallbacks(callbacks: Callbacks): MINIDUMP_CALLBACK_ROUTINE {
  let added: Iterator<CallbackRange> | undefined;
  let removed: Iterator<CallbackRange> | undefined;
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
          flags: output.ModuleWriteFlags,
        });
        if (typeof answer === 'number') output.ModuleWriteFlags = answer;
        return keep(answer);
      }
      case Type.ThreadCallback: {
        const { Thread: thread } = input;
        const answer = callbacks.thread?.({
          id: thread.ThreadId,
          context: thread.Context,
          stackBase: thread.StackBase,
          stackEnd: thread.StackEnd,
          flags: output.ThreadWriteFlags,
        });
        if (typeof answer === 'number') output.ThreadWriteFlags = answer;
        return keep(answer);
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
        });
        if (answer === false) region.RegionSize = 0n;
        else if (typeof answer === 'object') {
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
