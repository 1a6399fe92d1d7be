import type { MINIDUMP_CALLBACK_INPUT } from '../../../dump/index.js';
import {
  encodeString,
  MINIDUMP_CALLBACK_TYPE as Type,
  VS_FFI_SIGNATURE,
  VS_FIXEDFILEINFO,
} from '../../../format/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import { CALLBACK_FIELDS, type InputArm } from './callback-fields.js';
import { plainHandles } from './handles.js';
import type { AddressOf, Handles, NativeBlock, NativeMemory } from './native-memory.js';
import { CONTEXT_SIZE, type NativeStructures, structuresOf } from './structures.js';
import { readUtf16 } from './utf16-text.js';

type ArmValue<Arm extends InputArm> = ReturnType<NativeStructures['MINIDUMP_CALLBACK_INPUT']['read']>[Arm];
type ArmInput<Arm extends InputArm> = NonNullable<
  Parameters<NativeStructures['MINIDUMP_CALLBACK_INPUT']['encode']>[0][Arm]
>;
type InputOfType<Arm extends InputArm> = Extract<MINIDUMP_CALLBACK_INPUT, Record<Arm, unknown>>[Arm &
  keyof Extract<MINIDUMP_CALLBACK_INPUT, Record<Arm, unknown>>];

/** How many bytes of a MINIDUMP_CALLBACK_INPUT say which callback it is for. */
export function inputHeadSize(abi: Abi): number {
  return structuresOf(abi).MINIDUMP_CALLBACK_INPUT.offsetOf('Status');
}

/** The CallbackType of a MINIDUMP_CALLBACK_INPUT. */
export function inputType(bytes: Uint8Array, abi: Abi): number {
  const structure = structuresOf(abi).MINIDUMP_CALLBACK_INPUT;
  checkSize(bytes, inputHeadSize(abi));
  return viewOf(bytes).getUint32(structure.offsetOf('CallbackType'), true);
}

/** How many bytes of a MINIDUMP_CALLBACK_INPUT a callback type uses, at most its size; undefined if the type is not known. */
export function inputSize(type: number, abi: Abi): number | undefined {
  const fields = CALLBACK_FIELDS.get(type);
  if (fields === undefined) return undefined;
  return inputHeadSize(abi) + (fields.input === undefined ? 0 : armField(fields.input, abi).layout.size);
}

function armField(arm: InputArm, abi: Abi) {
  return structuresOf(abi).MINIDUMP_CALLBACK_INPUT.fields.find(({ name }) => name === arm)!;
}

/**
 * The input of a callback; undefined for a callback type that is not known.
 *
 * Addresses are as native code gave them: no one documents whether those of a 32-bit process come sign-extended.
 *
 * @param bytes MINIDUMP_CALLBACK_INPUT, at least `inputSize` bytes of it
 * @returns Buffer of Io, VmPreRead and VmPostRead is what `memory` gave, all else is copied
 * @throws MinidumpError `truncated` if there are fewer bytes
 */
export function decodeInput(
  bytes: Uint8Array,
  abi: Abi,
  memory: NativeMemory,
  handles: Handles = plainHandles,
): MINIDUMP_CALLBACK_INPUT | undefined {
  const CallbackType = inputType(bytes, abi);
  const fields = CALLBACK_FIELDS.get(CallbackType);
  if (fields === undefined) return undefined;
  checkSize(bytes, inputSize(CallbackType, abi)!);
  const structure = structuresOf(abi).MINIDUMP_CALLBACK_INPUT;
  const view = viewOf(bytes);
  const pointer = structure.fields.find(({ name }) => name === 'ProcessHandle')!;
  const input: Record<string, unknown> = {
    ProcessId: view.getUint32(structure.offsetOf('ProcessId'), true),
    ProcessHandle: handles.fromNative(pointer.layout.read(view, pointer.offset)),
    CallbackType,
  };
  if (fields.input !== undefined) {
    const field = armField(fields.input, abi);
    const convert = FROM_NATIVE[fields.input] as (value: unknown, from: Decoding) => unknown;
    input[fields.input] = convert(field.layout.read(view, field.offset), {
      memory,
      handles,
      handleOnly: HANDLE_ONLY.has(CallbackType),
    });
  }
  return input as unknown as MINIDUMP_CALLBACK_INPUT;
}

/** Of Io these know the handle; the rest of the structure may hold anything. */
const HANDLE_ONLY = new Set<number>([Type.IoStartCallback, Type.IoFinishCallback]);

interface Decoding {
  memory: NativeMemory;
  handles: Handles;
  handleOnly: boolean;
}

const FROM_NATIVE: {
  readonly [Arm in InputArm]: (value: ArmValue<Arm>, from: Decoding) => unknown;
} = {
  Status: (status) => status,
  SecondaryFlags: (flags) => flags,
  Thread: thread,
  ThreadEx: (value, from) => ({
    ...thread(value, from),
    BackingStoreBase: value.BackingStoreBase,
    BackingStoreEnd: value.BackingStoreEnd,
  }),
  Module: (value, { memory }): InputOfType<'Module'> => ({
    ...value,
    FullPath: readUtf16(memory, value.FullPath),
    VersionInfo:
      value.VersionInfo.dwSignature === VS_FFI_SIGNATURE
        ? VS_FIXEDFILEINFO.encode(value.VersionInfo)
        : undefined,
    CvRecord: record(memory, value.CvRecord, value.SizeOfCvRecord),
    MiscRecord: record(memory, value.MiscRecord, value.SizeOfMiscRecord),
  }),
  IncludeThread: (value) => value,
  IncludeModule: (value) => value,
  Io: (value, { memory, handles, handleOnly }) => {
    const Handle = handles.fromNative(value.Handle);
    if (handleOnly) return { Handle };
    return { ...value, Handle, Buffer: buffer(memory, value.Buffer, value.BufferBytes) };
  },
  ReadMemoryFailure: (value): InputOfType<'ReadMemoryFailure'> => ({
    ...value,
    Bytes: BigInt(value.Bytes),
  }),
  VmQuery: (value) => value,
  VmPreRead: (value, { memory }) => ({ ...value, Buffer: buffer(memory, value.Buffer, value.Size) }),
  VmPostRead: (value, { memory }) => ({ ...value, Buffer: buffer(memory, value.Buffer, value.Size) }),
  CompressedMemoryStreamFinish: (value) => value,
};

function thread(value: ArmValue<'Thread'>, { handles }: Decoding): InputOfType<'Thread'> {
  return {
    ThreadId: value.ThreadId,
    ThreadHandle: handles.fromNative(value.ThreadHandle),
    // With extended state SizeOfContext says more than lies in the structure.
    Context: value.Context.subarray(0, value.SizeOfContext),
    SizeOfContext: value.SizeOfContext,
    StackBase: value.StackBase,
    StackEnd: value.StackEnd,
  };
}

function record(memory: NativeMemory, address: bigint, size: number): Uint8Array | undefined {
  return address === 0n || size === 0 ? undefined : memory.view(address, size).slice();
}

function buffer(memory: NativeMemory, address: bigint, size: number): Uint8Array {
  return address === 0n || size === 0 ? new Uint8Array(0) : memory.view(address, size);
}

/**
 * The input as native code has it, for tests and for comparison.
 *
 * @param addressOf is asked for what pointers point to: paths, records and buffers
 */
export function encodeInput(
  input: MINIDUMP_CALLBACK_INPUT,
  abi: Abi,
  addressOf: AddressOf,
  handles: Handles = plainHandles,
): NativeBlock {
  const keep: Uint8Array[] = [];
  const point = (bytes: Uint8Array | undefined): bigint => {
    if (bytes === undefined || bytes.length === 0) return 0n;
    keep.push(bytes);
    return addressOf(bytes);
  };
  const arm = CALLBACK_FIELDS.get(input.CallbackType)?.input;
  const convert = arm && (TO_NATIVE[arm] as (value: unknown, to: Encoding) => unknown);
  const bytes = structuresOf(abi).MINIDUMP_CALLBACK_INPUT.encode({
    ProcessId: input.ProcessId,
    ProcessHandle: handles.toNative(input.ProcessHandle),
    CallbackType: input.CallbackType,
    ...(arm && {
      [arm]: convert!((input as unknown as Record<string, unknown>)[arm], { point, handles, abi }),
    }),
  });
  return { bytes, keep };
}

interface Encoding {
  point(bytes: Uint8Array | undefined): bigint;
  handles: Handles;
  abi: Abi;
}

const TO_NATIVE: {
  readonly [Arm in InputArm]: (value: InputOfType<Arm>, to: Encoding) => ArmInput<Arm>;
} = {
  Status: (status) => status,
  SecondaryFlags: (flags) => flags,
  Thread: nativeThread,
  ThreadEx: (value, to) => ({
    ...nativeThread(value, to),
    BackingStoreBase: value.BackingStoreBase,
    BackingStoreEnd: value.BackingStoreEnd,
  }),
  Module: (value, { point }) => ({
    ...value,
    FullPath: point(encodeString(value.FullPath).slice(4)),
    VersionInfo: value.VersionInfo && VS_FIXEDFILEINFO.decode(value.VersionInfo),
    CvRecord: point(value.CvRecord),
    MiscRecord: point(value.MiscRecord),
  }),
  IncludeThread: (value) => value,
  IncludeModule: (value) => value,
  Io: (value, { point, handles }) => ({
    ...value,
    Handle: handles.toNative(value.Handle),
    Buffer: point('Buffer' in value ? (value.Buffer as Uint8Array) : undefined),
  }),
  ReadMemoryFailure: (value) => ({ ...value, Bytes: Number(value.Bytes) }),
  VmQuery: (value) => value,
  VmPreRead: (value, { point }) => ({ ...value, Buffer: point(value.Buffer) }),
  VmPostRead: (value, { point }) => ({ ...value, Buffer: point(value.Buffer) }),
  CompressedMemoryStreamFinish: (value) => value,
};

function nativeThread(value: InputOfType<'Thread'>, { handles, abi }: Encoding): ArmInput<'Thread'> {
  return {
    ...value,
    ThreadHandle: handles.toNative(value.ThreadHandle),
    Context: value.Context.subarray(0, CONTEXT_SIZE[abi.cpu]),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkSize(bytes: Uint8Array, size: number): void {
  if (bytes.length >= size) return;
  throw new MinidumpError('truncated', 'a MINIDUMP_CALLBACK_INPUT is too short', {
    expected: `${size} bytes`,
    found: `${bytes.length} bytes`,
  });
}
