import { HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../format/index.js';
import { MinidumpError } from '../io/index.js';
import {
  askRoutine,
  cancelledByCallback,
  checkQueryResult,
  checkRange,
  checkRangeCount,
  checkReadCount,
  checkRegionPart,
  checkSecondaryFlags,
  checkWritten,
  toResult,
  unknownRegion,
} from './answers.js';
import type {
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_MEMORY_INFO_VALUE,
  MINIDUMP_MODULE_CALLBACK,
  MINIDUMP_THREAD_CALLBACK,
  MINIDUMP_THREAD_EX_CALLBACK,
} from './callback.js';
import { routineFromCallbacks } from './callbacks.js';
import { checkCallbacks } from './check-callbacks.js';
import type { DumpOptions } from './options.js';
import type { AddressRange } from './ranges.js';

const { S_OK, S_FALSE, E_NOTIMPL } = HRESULT;

type DistributiveOmit<T, K extends keyof never> = T extends unknown ? Omit<T, K> : never;
type Input = DistributiveOmit<MINIDUMP_CALLBACK_INPUT, 'ProcessId' | 'ProcessHandle'>;

/**
 * Callbacks that come before the process is looked at, or after: as on Windows they get no process id, and two of them no
 * handle either (the contract's table of what Wine's tests see on Windows).
 */
const WITHOUT_ID = new Set<number>([
  Type.IsProcessSnapshotCallback,
  Type.VmStartCallback,
  Type.IoStartCallback,
  Type.WriteKernelMinidumpCallback,
]);
const WITHOUT_HANDLE = new Set<number>([Type.IoStartCallback, Type.WriteKernelMinidumpCallback]);

/** Asks the callback routine, with the documented defaults, and makes sense of the answers. */
export class CallbackProtocol {
  /** A `callbacks` object: its removeMemory counts in full-memory dumps, too. */
  readonly idiomatic: boolean;
  readonly present: boolean;
  readonly #routine: MINIDUMP_CALLBACK_ROUTINE | undefined;
  readonly #param: unknown;
  readonly #pid: number;
  readonly #handle: unknown;
  readonly #file: unknown;
  #checkCancel = true;
  #moreRegions = true;
  #vm = false;

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
        : routineFromCallbacks(checkCallbacks(options.callbacks));
    this.#param = options.callback?.CallbackParam;
    this.present = this.#routine !== undefined;
    this.#pid = pid;
    this.#handle = handle;
    this.#file = options.fileHandle ?? null;
  }

  #call(input: Input, output: Partial<MINIDUMP_CALLBACK_OUTPUT> = {}): boolean {
    const full = {
      ProcessId: WITHOUT_ID.has(input.CallbackType) ? 0 : this.#pid,
      ProcessHandle: WITHOUT_HANDLE.has(input.CallbackType) ? null : this.#handle,
      ...input,
    } as MINIDUMP_CALLBACK_INPUT;
    return askRoutine(this.#routine!, this.#param, full, output);
  }

  /** Whether the callback says that what it dumps is a snapshot. */
  isProcessSnapshot(): boolean {
    return this.#saysFalse({ CallbackType: Type.IsProcessSnapshotCallback });
  }

  /** Whether the callback wants to be asked about queries and reads of memory; from now on it is. */
  vmStart(): void {
    this.#vm = this.#saysFalse({ CallbackType: Type.VmStartCallback });
  }

  /** Whether the callback writes the dump by itself. */
  ioStart(): boolean {
    return this.#saysFalse({ CallbackType: Type.IoStartCallback, Io: { Handle: this.#file } });
  }

  /** TRUE with a Status of S_FALSE means yes for three callbacks. The default is E_NOTIMPL, as seen for IoStart. */
  #saysFalse(input: Input): boolean {
    if (!this.present) return false;
    const output = { Status: E_NOTIMPL as number };
    return this.#call(input, output) && toResult(output.Status) === S_FALSE;
  }

  /** MINIDUMP_SECONDARY_FLAGS of the callback. */
  secondaryFlags(): number {
    if (!this.present) return 0;
    const output = { SecondaryFlags: 0 };
    const answer = this.#call({ CallbackType: Type.SecondaryFlagsCallback, SecondaryFlags: 0 }, output);
    return answer ? checkSecondaryFlags(output.SecondaryFlags) : 0;
  }

  /** Gives the callback the chance to give the dump up; asked on while it says CheckCancel. */
  checkCancelled(): void {
    if (!this.present || !this.#checkCancel) return;
    const output = { CheckCancel: false, Cancel: false };
    const answer = this.#call({ CallbackType: Type.CancelCallback }, output);
    this.#checkCancel = answer && Boolean(output.CheckCancel);
    if (answer && output.Cancel) throw cancelledByCallback();
  }

  /** The write flags of a thread, or 0 if it is left out. Asked before the thread is stopped. */
  includeThread(ThreadId: number, flags: number): number {
    return this.#threadFlags(
      { CallbackType: Type.IncludeThreadCallback, IncludeThread: { ThreadId } },
      flags,
    );
  }

  includeModule(BaseOfImage: bigint, flags: number): number {
    return this.#moduleFlags(
      { CallbackType: Type.IncludeModuleCallback, IncludeModule: { BaseOfImage } },
      flags,
    );
  }

  module(Module: MINIDUMP_MODULE_CALLBACK, flags: number): number {
    return this.#moduleFlags({ CallbackType: Type.ModuleCallback, Module }, flags);
  }

  thread(Thread: MINIDUMP_THREAD_CALLBACK, flags: number): number {
    return this.#threadFlags({ CallbackType: Type.ThreadCallback, Thread }, flags);
  }

  threadEx(ThreadEx: MINIDUMP_THREAD_EX_CALLBACK, flags: number): number {
    return this.#threadFlags({ CallbackType: Type.ThreadExCallback, ThreadEx }, flags);
  }

  /** Flags can only be cleared: what the answer adds is ignored. */
  #threadFlags(input: Input, flags: number): number {
    if (!this.present) return flags;
    const output = { ThreadWriteFlags: flags };
    return this.#call(input, output) ? flags & output.ThreadWriteFlags : 0;
  }

  #moduleFlags(input: Input, flags: number): number {
    if (!this.present) return flags;
    const output = { ModuleWriteFlags: flags };
    return this.#call(input, output) ? flags & output.ModuleWriteFlags : 0;
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
      const range = checkRange(output);
      if (range === undefined) break;
      ranges.push(range);
      checkRangeCount(ranges.length);
      this.checkCancelled();
    }
    return ranges;
  }

  /**
   * What is left of a region of a full-memory dump. FALSE or Continue left FALSE means that the callback does not want
   * to be asked again; the region stays as it is.
   */
  includeVmRegion(region: MINIDUMP_MEMORY_INFO_VALUE): AddressRange | undefined {
    const whole = { start: region.BaseAddress, end: region.BaseAddress + region.RegionSize };
    if (!this.present || !this.#moreRegions) return whole;
    const output = { VmRegion: { ...region }, Continue: false };
    const answer = this.#call({ CallbackType: Type.IncludeVmRegionCallback }, output);
    if (!answer || !output.Continue) {
      this.#moreRegions = false;
      return whole;
    }
    return checkRegionPart(region, output.VmRegion);
  }

  /**
   * Whether memory that cannot be read is left out; else the dump fails with FailureStatus. The routine finds in Status what
   * will happen if it leaves it alone, so that one that answers TRUE to what it does not know changes nothing.
   */
  readMemoryFailure(Offset: bigint, Bytes: bigint, FailureStatus: number, omitted: boolean): boolean {
    if (!this.present) return omitted;
    const output = { Status: omitted ? S_OK : FailureStatus };
    const answer = this.#call(
      {
        CallbackType: Type.ReadMemoryFailureCallback,
        ReadMemoryFailure: { Offset, Bytes, FailureStatus },
      },
      output,
    );
    return answer ? toResult(output.Status) === S_OK : omitted;
  }

  /** What lies at an address, if the callback answers that: undefined leaves it to the target. */
  vmQuery(Offset: bigint): MINIDUMP_MEMORY_INFO_VALUE | undefined {
    if (!this.#vm) return undefined;
    const output = { VmQueryStatus: E_NOTIMPL as number, VmQueryResult: unknownRegion() };
    const answer = this.#call({ CallbackType: Type.VmQueryCallback, VmQuery: { Offset } }, output);
    return answer ? checkQueryResult(Offset, output) : undefined;
  }

  /** How many bytes of a read the callback has done by itself; undefined if it says that the read fails. */
  vmPreRead(Offset: bigint, Buffer: Uint8Array): number | undefined {
    if (!this.#vm) return 0;
    const output = { VmReadStatus: E_NOTIMPL as number, VmReadBytesCompleted: 0 };
    const answer = this.#call(
      { CallbackType: Type.VmPreReadCallback, VmPreRead: { Offset, Buffer, Size: Buffer.length } },
      output,
    );
    const status = toResult(output.VmReadStatus);
    if (!answer || status === E_NOTIMPL) return 0;
    return status === S_OK ? checkReadCount(output.VmReadBytesCompleted, Buffer.length) : undefined;
  }

  /** How many bytes of a read count in the end; the callback may have changed them. */
  vmPostRead(Offset: bigint, Buffer: Uint8Array, Completed: number): number {
    if (!this.#vm) return Completed;
    const Status = Completed === Buffer.length ? S_OK : HRESULT.ERROR_PARTIAL_COPY;
    const output = { VmReadStatus: Status as number, VmReadBytesCompleted: Completed };
    const answer = this.#call(
      {
        CallbackType: Type.VmPostReadCallback,
        VmPostRead: { Offset, Buffer, Size: Buffer.length, Completed, Status },
      },
      output,
    );
    if (!answer) return Completed;
    const completed = checkReadCount(output.VmReadBytesCompleted, Buffer.length);
    const failed = toResult(output.VmReadStatus) !== S_OK && Status === S_OK;
    return failed ? Math.min(completed, Buffer.length - 1) : completed;
  }

  /** Whether reads and queries go through the callback. */
  get vm(): boolean {
    return this.#vm;
  }

  /** A piece of the dump, for a callback that writes it by itself. */
  ioWriteAll(Offset: bigint, Buffer: Uint8Array): void {
    const output = { Status: E_NOTIMPL as number };
    const Io = { Handle: this.#file, Offset, Buffer, BufferBytes: Buffer.length };
    const answer = this.#call({ CallbackType: Type.IoWriteAllCallback, Io }, output);
    checkWritten('IoWriteAll', answer, output.Status);
  }

  ioFinish(): void {
    const output = { Status: E_NOTIMPL as number };
    const input: Input = { CallbackType: Type.IoFinishCallback, Io: { Handle: this.#file } };
    checkWritten('IoFinish', this.#call(input, output), output.Status);
  }

  /**
   * Asks whether the kernel shall be dumped, too, now that the process was. Nobody can do that on Linux: a callback that wants it
   * gets E_NOTIMPL in KernelMinidumpStatus.
   */
  kernelMinidump(): void {
    if (!this.present) return;
    const output = { Handle: null as unknown };
    const answer = this.#call({ CallbackType: Type.WriteKernelMinidumpCallback }, output);
    if (!answer || output.Handle === null || output.Handle === undefined) return;
    this.#call({ CallbackType: Type.KernelMinidumpStatusCallback, Status: E_NOTIMPL });
  }
}
