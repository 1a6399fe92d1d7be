import { type InputOf, struct, u32, utf16, type ValueOf } from '../layout.js';
import { checkLength } from './list.js';

/** Who asked for the dump and who wrote it. */
export const MDRawBreakpadInfo = struct('MDRawBreakpadInfo', {
  /** MDBreakpadInfoValidity: which of the two are meant */
  validity: u32,
  /** The thread that wrote the dump; it is of no interest. */
  dump_thread_id: u32,
  /** The thread that asked for it, or crashed. */
  requesting_thread_id: u32,
});
export type MDRawBreakpadInfo = ValueOf<typeof MDRawBreakpadInfo>;

export function decodeBreakpadInfo(bytes: Uint8Array, littleEndian = true): MDRawBreakpadInfo {
  checkLength('BreakpadInfo', bytes, MDRawBreakpadInfo.size);
  return MDRawBreakpadInfo.decode(bytes, 0, littleEndian);
}

export function encodeBreakpadInfo(info: InputOf<typeof MDRawBreakpadInfo>): Uint8Array {
  return MDRawBreakpadInfo.encode(info);
}

/** The assertion of Microsoft's C run-time library that failed; Breakpad's Windows client writes it. */
export const MDRawAssertionInfo = struct('MDRawAssertionInfo', {
  expression: utf16(128),
  function: utf16(128),
  file: utf16(128),
  line: u32,
  /** MDAssertionInfoData */
  type: u32,
});
export type MDRawAssertionInfo = ValueOf<typeof MDRawAssertionInfo>;

export function decodeAssertionInfo(bytes: Uint8Array, littleEndian = true): MDRawAssertionInfo {
  checkLength('AssertionInfo', bytes, MDRawAssertionInfo.size);
  return MDRawAssertionInfo.decode(bytes, 0, littleEndian);
}
