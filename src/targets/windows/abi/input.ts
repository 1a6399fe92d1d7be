import type { MINIDUMP_CALLBACK_INPUT } from '../../../dump/index.js';
import type { Abi } from './abi.js';
import { plainHandles } from './handles.js';
import type { AddressOf, Handles, NativeBlock, NativeMemory } from './native-memory.js';

/** How many bytes of a MINIDUMP_CALLBACK_INPUT say which callback it is for. */
export function inputHeadSize(_abi: Abi): number {
  throw new Error('not written');
}

/** How many bytes of a MINIDUMP_CALLBACK_INPUT a callback type uses, at most its size. */
export function inputSize(_type: number, _abi: Abi): number {
  throw new Error('not written');
}

/**
 * The input of a callback; undefined for a callback type that is not known.
 *
 * @param bytes MINIDUMP_CALLBACK_INPUT, at least `inputSize` bytes of it
 * @returns Buffer of Io, VmPreRead and VmPostRead are native memory itself, all else is copied
 */
export function decodeInput(
  _bytes: Uint8Array,
  _abi: Abi,
  _memory: NativeMemory,
  _handles: Handles = plainHandles,
): MINIDUMP_CALLBACK_INPUT | undefined {
  throw new Error('not written');
}

/** The input as native code has it, for tests and for comparison. */
export function encodeInput(
  _input: MINIDUMP_CALLBACK_INPUT,
  _abi: Abi,
  _addressOf: AddressOf,
  _handles: Handles = plainHandles,
): NativeBlock {
  throw new Error('not written');
}
