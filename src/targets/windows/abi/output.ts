import { toBigInt, toResult } from '../../../dump/answers.js';
import type {
  CompressedMemoryStreamStartOutput,
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_MEMORY_INFO_VALUE,
} from '../../../dump/index.js';
import type { MINIDUMP_MEMORY_INFO } from '../../../format/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import { CALLBACK_FIELDS, type OutputField, type PartialOutput } from './callback-fields.js';
import { plainHandles } from './handles.js';
import type { Handles } from './native-memory.js';
import { type NativeStructures, structuresOf } from './structures.js';

/** Bytes of MINIDUMP_CALLBACK_OUTPUT, with every ABI. */
export const OUTPUT_SIZE = 52;

type Native = ReturnType<NativeStructures['MINIDUMP_CALLBACK_OUTPUT']['read']>;

/**
 * What a routine finds in its output: the fields of its callback type, with what DbgHelp put there; where it is not documented
 * that DbgHelp puts anything there, what it finds in a dump of our own engine.
 */
export function readOutput(
  bytes: Uint8Array,
  input: MINIDUMP_CALLBACK_INPUT,
  abi: Abi,
  handles: Handles = plainHandles,
): PartialOutput {
  const fields = CALLBACK_FIELDS.get(input.CallbackType);
  if (fields === undefined) return {};
  const defaults = fields.defaults?.(input) ?? {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const output: Record<string, unknown> = {};
  for (const name of fields.output) {
    const field = outputField(name, abi);
    const { read } = FIELDS[name] as { read(value: unknown, handles: Handles): unknown };
    output[name] = defaults[name] ?? read(field.layout.read(view, field.offset), handles);
  }
  return output as PartialOutput;
}

/**
 * Writes the fields of the callback type, and no other byte: all of them share one place.
 *
 * @throws MinidumpError `callback-failed` for a value that the field cannot hold; then nothing is written
 */
export function writeOutput(
  bytes: Uint8Array,
  type: number,
  output: PartialOutput,
  abi: Abi,
  handles: Handles = plainHandles,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = (CALLBACK_FIELDS.get(type)?.output ?? []).map((name) => {
    const { write } = FIELDS[name] as { write(value: unknown, handles: Handles): unknown };
    return { ...outputField(name, abi), value: write(output[name], handles) };
  });
  for (const { layout, offset, value } of values) writeField(view, offset, layout, value);
}

/** Structures are written member by member, so that what pads them stays as it was. */
function writeField(view: DataView, offset: number, layout: OutputLayout, value: unknown): void {
  if (!('fields' in layout)) {
    layout.write(view, offset, value);
    return;
  }
  const members = value as Record<string, unknown>;
  for (const member of (layout as typeof MINIDUMP_MEMORY_INFO).fields) {
    if (member.name in members) {
      member.layout.write(view, offset + member.offset, members[member.name]);
    }
  }
}

type OutputLayout = ReturnType<typeof outputField>['layout'];

function outputField(name: OutputField, abi: Abi) {
  return structuresOf(abi).MINIDUMP_CALLBACK_OUTPUT.fields.find((field) => field.name === name)!;
}

interface Conversion<NativeValue, Value> {
  read(value: NativeValue, handles: Handles): Value;
  /** What comes from a routine may be anything. */
  write(value: Value, handles: Handles): unknown;
}

const flags: Conversion<number, number> = { read: (value) => value, write: (value) => value >>> 0 };
const result: Conversion<number, number> = { read: (value) => value, write: toResult };
const bool: Conversion<number, boolean> = { read: (value) => value !== 0, write: (value) => (value ? 1 : 0) };
const region: Conversion<MINIDUMP_MEMORY_INFO, MINIDUMP_MEMORY_INFO_VALUE> = {
  read: ({ __alignment1, __alignment2, ...rest }) => rest,
  write: nativeRegion,
};

const FIELDS: {
  readonly [Name in OutputField]: Conversion<Native[Name], MINIDUMP_CALLBACK_OUTPUT[Name]>;
} = {
  ModuleWriteFlags: flags,
  ThreadWriteFlags: flags,
  SecondaryFlags: flags,
  MemoryBase: { read: (value) => value, write: (value) => address(value, 'MemoryBase') },
  MemorySize: { read: (value) => value, write: (value) => count(value, 'MemorySize') },
  CheckCancel: bool,
  Cancel: bool,
  Handle: {
    read: (value, handles) => handles.fromNative(value),
    write: (value, handles) => handles.toNative(value),
  },
  VmRegion: region,
  Continue: bool,
  VmQueryStatus: result,
  VmQueryResult: region,
  VmReadStatus: result,
  VmReadBytesCompleted: { read: (value) => value, write: (value) => count(value, 'VmReadBytesCompleted') },
  Status: result,
  CompressedMemoryStreamStart: {
    read: (value, handles): CompressedMemoryStreamStartOutput => ({
      ...value,
      NumaNodeInfoArray: handles.fromNative(value.NumaNodeInfoArray),
    }),
    write: (value, handles) => ({
      MaxParallelism: count(value.MaxParallelism, 'MaxParallelism'),
      MaxTransferSize: count(value.MaxTransferSize, 'MaxTransferSize'),
      NumaNodeInfoArray: handles.toNative(value.NumaNodeInfoArray),
      NumaNodeInfoArraySize: count(value.NumaNodeInfoArraySize, 'NumaNodeInfoArraySize'),
      Reserved: count(value.Reserved, 'Reserved'),
    }),
  },
};

function nativeRegion(value: MINIDUMP_MEMORY_INFO_VALUE): unknown {
  return {
    BaseAddress: address(value.BaseAddress, 'BaseAddress'),
    AllocationBase: address(value.AllocationBase, 'AllocationBase'),
    AllocationProtect: value.AllocationProtect >>> 0,
    RegionSize: address(value.RegionSize, 'RegionSize'),
    State: value.State >>> 0,
    Protect: value.Protect >>> 0,
    Type: value.Type >>> 0,
  };
}

function address(value: unknown, what: string): bigint {
  return bounded(toBigInt(value, what), 64, what);
}

/** A ULONG that counts something: too large a one must not come out as a small one. */
function count(value: unknown, what: string): number {
  return Number(bounded(toBigInt(value, what), 32, what));
}

function bounded(value: bigint, bits: number, what: string): bigint {
  if (BigInt.asUintN(bits, value) === value) return value;
  throw new MinidumpError('callback-failed', `the callback set ${what} to ${value}, more than ${bits} bits`);
}
