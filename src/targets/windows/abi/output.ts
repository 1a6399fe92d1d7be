import type { MINIDUMP_CALLBACK_INPUT, MINIDUMP_CALLBACK_OUTPUT } from '../../../dump/index.js';
import type { Abi } from './abi.js';
import { plainHandles } from './handles.js';
import type { Handles } from './native-memory.js';

/** Bytes of MINIDUMP_CALLBACK_OUTPUT, with every ABI. */
export const OUTPUT_SIZE = 52;

/**
 * What a routine finds in its output: the fields of its callback type, with what DbgHelp put there; where it is not documented
 * that DbgHelp puts anything there, the defaults of mdmp's own engine.
 */
export function readOutput(
  _bytes: Uint8Array,
  _input: MINIDUMP_CALLBACK_INPUT,
  _abi: Abi,
  _handles: Handles = plainHandles,
): Partial<MINIDUMP_CALLBACK_OUTPUT> {
  throw new Error('not written');
}

/** Writes the fields of the callback type, and no other byte: all of them share one place. */
export function writeOutput(
  _bytes: Uint8Array,
  _type: number,
  _output: Partial<MINIDUMP_CALLBACK_OUTPUT>,
  _abi: Abi,
  _handles: Handles = plainHandles,
): void {
  throw new Error('not written');
}
