import type { UserStream } from '../../../dump/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import type { AddressOf, NativeBlock } from './native-memory.js';
import { CONTEXT_SIZE, structuresOf } from './structures.js';

/** EXCEPTION_RECORD; addresses are as wide as the CPU's. */
export interface NativeExceptionRecord {
  ExceptionCode: number;
  ExceptionFlags?: number | undefined;
  /** Address of a nested record. */
  ExceptionRecord?: bigint | undefined;
  ExceptionAddress: bigint;
  /** At most 15; NumberParameters is their count. */
  ExceptionInformation?: readonly bigint[] | undefined;
}

/** What MINIDUMP_EXCEPTION_INFORMATION says. */
export interface NativeException {
  threadId: number;
  /**
   * The address of EXCEPTION_POINTERS in the target (ClientPointers is TRUE), or what they point to, which then lies here: the
   * record, as it is in memory or by its fields, and a CONTEXT.
   */
  pointers: bigint | { record: Uint8Array | NativeExceptionRecord; context: Uint8Array };
}

/**
 * MINIDUMP_EXCEPTION_INFORMATION, with what it points to.
 *
 * @throws MinidumpError `invalid-argument` if record or context are shorter than what DbgHelp reads
 */
export function encodeExceptionInformation(
  { threadId, pointers }: NativeException,
  abi: Abi,
  addressOf: AddressOf,
): NativeBlock {
  const { MINIDUMP_EXCEPTION_INFORMATION, EXCEPTION_POINTERS } = structuresOf(abi);
  if (typeof pointers === 'bigint') {
    const bytes = MINIDUMP_EXCEPTION_INFORMATION.encode({
      ThreadId: threadId,
      ExceptionPointers: pointers,
      ClientPointers: 1,
    });
    return { bytes, keep: [] };
  }
  const record = exceptionRecord(pointers.record, abi);
  const context = pinned(pointers.context);
  const contextSize = CONTEXT_SIZE[abi.cpu];
  if (context.length < contextSize) {
    throw new MinidumpError('invalid-argument', 'the CONTEXT of the exception is too short', {
      expected: `${contextSize} bytes for ${abi.cpu}`,
      found: `${context.length} bytes`,
    });
  }
  const both = EXCEPTION_POINTERS.encode({
    ExceptionRecord: addressOf(record),
    ContextRecord: addressOf(context),
  });
  const place = pinned(both);
  const bytes = MINIDUMP_EXCEPTION_INFORMATION.encode({
    ThreadId: threadId,
    ExceptionPointers: addressOf(place),
    ClientPointers: 0,
  });
  return { bytes, keep: [record, context, place] };
}

function exceptionRecord(record: Uint8Array | NativeExceptionRecord, abi: Abi): Uint8Array {
  const { EXCEPTION_RECORD } = structuresOf(abi);
  if (record instanceof Uint8Array) {
    if (record.length >= EXCEPTION_RECORD.size) return pinned(record);
    throw new MinidumpError('invalid-argument', 'the EXCEPTION_RECORD is too short', {
      expected: `${EXCEPTION_RECORD.size} bytes for ${abi.cpu}`,
      found: `${record.length} bytes`,
    });
  }
  const { ExceptionInformation = [] } = record;
  const { length } = ExceptionInformation;
  if (length > 15) {
    throw new MinidumpError('invalid-argument', 'an exception has 15 parameters at most', {
      found: `${length}`,
    });
  }
  return pinned(EXCEPTION_RECORD.encode({ ...record, ExceptionInformation, NumberParameters: length }));
}

/** MINIDUMP_USER_STREAM_INFORMATION, with the array and the streams, which are not copied. */
export function encodeUserStreams(
  streams: readonly UserStream[],
  abi: Abi,
  addressOf: AddressOf,
): NativeBlock {
  const { MINIDUMP_USER_STREAM, MINIDUMP_USER_STREAM_INFORMATION } = structuresOf(abi);
  const list = new Uint8Array(new ArrayBuffer(streams.length * MINIDUMP_USER_STREAM.size));
  const view = new DataView(list.buffer);
  const keep: Uint8Array[] = [];
  streams.forEach(({ type, bytes }, index) => {
    if (bytes.length > 0xffff_ffff) {
      throw new MinidumpError('invalid-argument', `user stream ${type} has ${bytes.length} bytes`, {
        expected: 'less than 4 GiB',
      });
    }
    const filled = bytes.length > 0;
    if (filled) keep.push(bytes);
    MINIDUMP_USER_STREAM.write(view, index * MINIDUMP_USER_STREAM.size, {
      Type: type,
      BufferSize: bytes.length,
      Buffer: filled ? addressOf(bytes) : 0n,
    });
  });
  if (streams.length > 0) keep.push(list);
  const bytes = MINIDUMP_USER_STREAM_INFORMATION.encode({
    UserStreamCount: streams.length,
    UserStreamArray: streams.length > 0 ? addressOf(list) : 0n,
  });
  return { bytes, keep };
}

/**
 * MINIDUMP_CALLBACK_INFORMATION.
 *
 * @param routine address of the native function
 * @param param what it is called with; the user's own CallbackParam stays on this side
 */
export function encodeCallbackInformation(routine: bigint, param: bigint, abi: Abi): Uint8Array {
  return structuresOf(abi).MINIDUMP_CALLBACK_INFORMATION.encode({
    CallbackRoutine: routine,
    CallbackParam: param,
  });
}

/** A copy that does not move: V8 keeps small typed arrays inside its own heap, a buffer's memory it never moves. */
function pinned(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
