import {
  askRoutine,
  cancelledByCallback,
  checkQueryResult,
  checkReadCount,
  checkRegionPart,
  checkSecondaryFlags,
  checkWritten,
  toResult,
} from '../../../dump/answers.js';
import type { MINIDUMP_CALLBACK_INPUT, MINIDUMP_CALLBACK_ROUTINE } from '../../../dump/index.js';
import { HRESULT, MINIDUMP_CALLBACK_TYPE as Type } from '../../../format/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import type { PartialOutput } from './callback-fields.js';
import { plainHandles } from './handles.js';
import { decodeInput, inputHeadSize, inputSize, inputType } from './input.js';
import { MemoryRanges } from './memory-ranges.js';
import type { Handles, NativeMemory } from './native-memory.js';
import { OUTPUT_SIZE, readOutput, writeOutput } from './output.js';
import { type Answer, refusal } from './refusal.js';
import { checkThreadLayout, threadLayoutSize } from './thread-layout.js';

const { S_OK, S_FALSE } = HRESULT;

export interface NativeRoutineOptions {
  /** What the callback sees for native handles; by default their values. */
  handles?: Handles | undefined;
  /** hProcess is a snapshot that mdmp made: DbgHelp is told so whatever the routine says. */
  processSnapshot?: boolean | undefined;
  /** Called before each question. What it throws fails the dump: a deadline, an AbortSignal. */
  check?: (() => void) | undefined;
  /** Also refuse threads that another compiler's layout fits better. For real DLLs: contexts of tests may hold anything. */
  checkLayout?: boolean | undefined;
}

/** A CallbackRoutine that native code can call. */
export interface NativeRoutine {
  /**
   * One call of native code, with the addresses that it gave. Never throws.
   *
   * @returns TRUE (1) or FALSE (0)
   */
  call(input: bigint, output: bigint): 0 | 1;
  /**
   * The first thing that went wrong: what the routine threw, a promise, an answer that cannot be, Cancel (`cancelled`), output that
   * it did not write (`write-failed`). From then on every answer makes the dump fail, and the routine is not asked any more. When
   * it is set the dump counts as failed, with this error, whatever MiniDumpWriteDump returned.
   */
  readonly failure: MinidumpError | undefined;
}

/**
 * The bridge between DbgHelp and a routine of TypeScript.
 *
 * @param param the CallbackParam, handed to the routine as it is
 */
export function nativeRoutine(
  routine: MINIDUMP_CALLBACK_ROUTINE,
  param: unknown,
  abi: Abi,
  memory: NativeMemory,
  options: NativeRoutineOptions = {},
): NativeRoutine {
  return new Bridge(routine, param, abi, memory, options);
}

class Bridge implements NativeRoutine {
  failure: MinidumpError | undefined;
  readonly #routine: MINIDUMP_CALLBACK_ROUTINE;
  readonly #param: unknown;
  readonly #abi: Abi;
  readonly #memory: NativeMemory;
  readonly #options: NativeRoutineOptions;
  readonly #handles: Handles;
  readonly #added = new MemoryRanges();
  readonly #removed = new MemoryRanges();
  #checkCancel = true;

  constructor(
    routine: MINIDUMP_CALLBACK_ROUTINE,
    param: unknown,
    abi: Abi,
    memory: NativeMemory,
    options: NativeRoutineOptions,
  ) {
    this.#routine = routine;
    this.#param = param;
    this.#abi = abi;
    this.#memory = memory;
    this.#options = options;
    this.#handles = options.handles ?? plainHandles;
  }

  call(inputAddress: bigint, outputAddress: bigint): 0 | 1 {
    try {
      if (inputAddress === 0n || outputAddress === 0n) return 0;
      const type = inputType(this.#memory.view(inputAddress, inputHeadSize(this.#abi)), this.#abi);
      const size = inputSize(type, this.#abi);
      // A type of a newer DbgHelp: FALSE is what every routine says to what it does not know.
      if (size === undefined) return 0;
      const output = this.#memory.view(outputAddress, OUTPUT_SIZE);
      const answer = this.#answer(inputAddress, type, size, output) || this.#refuse(type, output);
      this.#memory.write?.(outputAddress, output);
      return answer ? 1 : 0;
    } catch (error) {
      this.#fail(error);
      return 0;
    }
  }

  /** What the routine answers, written where native code finds it. */
  #answer(address: bigint, type: number, size: number, bytes: Uint8Array): boolean {
    if (this.failure !== undefined) return false;
    try {
      this.#options.check?.();
      this.#checkLayout(address, type);
      const memory = new NotedMemory(this.#memory);
      const input = decodeInput(memory.view(address, size), this.#abi, memory, this.#handles)!;
      const answer = this.#ask(input, memory, readOutput(bytes, input, this.#abi, this.#handles));
      // After FALSE DbgHelp's own defaults hold, so they stay.
      if (answer.returns) writeOutput(bytes, input.CallbackType, answer.output!, this.#abi, this.#handles);
      return answer.returns;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #checkLayout(address: bigint, type: number): void {
    const size = this.#options.checkLayout === true ? threadLayoutSize(type, this.#abi) : 0;
    if (size > 0) checkThreadLayout(this.#memory.view(address, size), this.#abi);
  }

  /** The answer once the dump has to fail; FALSE while it has not. */
  #refuse(type: number, bytes: Uint8Array): boolean {
    if (this.failure === undefined) return false;
    const snapshot = type === Type.IsProcessSnapshotCallback && this.#options.processSnapshot === true;
    const { returns, output } = snapshot
      ? { returns: true, output: { Status: S_FALSE } }
      : refusal(type, readOutput(bytes, { CallbackType: type } as MINIDUMP_CALLBACK_INPUT, this.#abi));
    if (output) writeOutput(bytes, type, output, this.#abi);
    return returns;
  }

  #fail(error: unknown): void {
    this.failure ??= error instanceof MinidumpError ? error : wrong(error);
  }

  /** Asks the routine, unless the answer is known. */
  #ask(input: MINIDUMP_CALLBACK_INPUT, memory: NotedMemory, output: PartialOutput): Answer {
    switch (input.CallbackType) {
      case Type.MemoryCallback:
        return this.#range(this.#added, input, output);
      case Type.RemoveMemoryCallback:
        return this.#range(this.#removed, input, output);
      case Type.CancelCallback:
        return this.#cancel(input, output);
      case Type.IncludeVmRegionCallback: {
        const region = { ...output.VmRegion! };
        const returns = this.#call(input, output);
        if (returns && output.Continue) checkRegionPart(region, output.VmRegion!);
        else output.VmRegion = region;
        return { returns, output };
      }
      case Type.SecondaryFlagsCallback: {
        const returns = this.#call(input, output);
        if (returns) checkSecondaryFlags(output.SecondaryFlags);
        return { returns, output };
      }
      case Type.IsProcessSnapshotCallback: {
        const returns = this.#call(input, output);
        if (this.#options.processSnapshot !== true) return { returns, output };
        return { returns: true, output: { Status: S_FALSE } };
      }
      case Type.VmQueryCallback: {
        const returns = this.#call(input, output);
        if (returns) {
          checkQueryResult(input.VmQuery.Offset, {
            VmQueryStatus: output.VmQueryStatus!,
            VmQueryResult: output.VmQueryResult!,
          });
        }
        return { returns, output };
      }
      case Type.VmPreReadCallback: {
        const { Size } = input.VmPreRead;
        const returns = withCopy(input.VmPreRead, memory, () => this.#call(input, output));
        // A read that the routine did not do has no bytes, whatever it says.
        const done = toResult(output.VmReadStatus) === S_OK;
        output.VmReadBytesCompleted = returns && done ? checkReadCount(output.VmReadBytesCompleted, Size) : 0;
        return { returns, output };
      }
      case Type.VmPostReadCallback: {
        const { Size } = input.VmPostRead;
        const returns = withCopy(input.VmPostRead, memory, () => this.#call(input, output));
        if (returns) checkReadCount(output.VmReadBytesCompleted, Size);
        return { returns, output };
      }
      case Type.IoWriteAllCallback: {
        input.Io.Buffer = input.Io.Buffer.slice();
        const returns = this.#call(input, output);
        checkWritten('IoWriteAll', returns, output.Status);
        return { returns, output };
      }
      case Type.IoFinishCallback: {
        const returns = this.#call(input, output);
        checkWritten('IoFinish', returns, output.Status);
        return { returns, output };
      }
      default:
        return { returns: this.#call(input, output), output };
    }
  }

  #call(input: MINIDUMP_CALLBACK_INPUT, output: PartialOutput): boolean {
    return askRoutine(this.#routine, this.#param, input, output);
  }

  #range(ranges: MemoryRanges, input: MINIDUMP_CALLBACK_INPUT, output: PartialOutput): Answer {
    const rest = ranges.next();
    if (rest !== undefined) return { returns: true, output: rest };
    if (!this.#call(input, output)) return { returns: false };
    return { returns: true, output: ranges.name(output) ?? { MemoryBase: 0n, MemorySize: 0 } };
  }

  /**
   * DbgHelp is asked to go on asking, because what fails later is told to it here; the routine is asked while it says
   * CheckCancel, as the contract has it.
   */
  #cancel(input: MINIDUMP_CALLBACK_INPUT, output: PartialOutput): Answer {
    if (this.#checkCancel) {
      const answer = this.#call(input, output);
      this.#checkCancel = answer && Boolean(output.CheckCancel);
      if (answer && output.Cancel) throw cancelledByCallback();
    }
    return { returns: true, output: { CheckCancel: true, Cancel: false } };
  }
}

/** Native memory that knows where what it gave came from. */
class NotedMemory implements NativeMemory {
  readonly #memory: NativeMemory;
  readonly #addresses = new Map<Uint8Array, bigint>();

  constructor(memory: NativeMemory) {
    this.#memory = memory;
  }

  view(address: bigint, size: number): Uint8Array {
    const bytes = this.#memory.view(address, size);
    this.#addresses.set(bytes, address);
    return bytes;
  }

  /** Sets what `view` gave, in native memory too. */
  set(bytes: Uint8Array, value: Uint8Array): void {
    bytes.set(value);
    const address = this.#addresses.get(bytes);
    if (address !== undefined) this.#memory.write?.(address, bytes);
  }
}

/**
 * The routine works on a copy of the buffer, which it may keep: native memory is gone when DbgHelp goes on. What it wrote
 * counts, as it would in C, whether it returns TRUE or FALSE.
 */
function withCopy(read: { Buffer: Uint8Array }, memory: NotedMemory, call: () => boolean): boolean {
  const native = read.Buffer;
  const copy = native.slice();
  read.Buffer = copy;
  const answer = call();
  memory.set(native, copy);
  return answer;
}

/** What broke while an answer was looked at: an object without its members, a getter that throws. */
function wrong(cause: unknown): MinidumpError {
  let message = 'it cannot be shown';
  try {
    message = cause instanceof Error ? cause.message : String(cause);
  } catch {
    // Some values have no text, and this must not throw.
  }
  return new MinidumpError('callback-failed', `the callback's answer makes no sense: ${message}`, { cause });
}
