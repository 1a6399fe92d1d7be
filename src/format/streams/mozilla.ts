import { array, struct, u32, u64 } from '../layout.js';
import { MINIDUMP_LOCATION_DESCRIPTOR } from '../structures/file.js';

/** More records than this are never written. */
const MAC_CRASH_INFOS = 20;

/**
 * What the libraries of a macOS process left in their __DATA,__crash_info sections. minidump-writer and Firefox write it;
 * this and the structures below are from rust-minidump's format.rs, where nothing is padded.
 */
export const MINIDUMP_MAC_CRASH_INFO = struct('MINIDUMP_MAC_CRASH_INFO', {
  /** The stream's own type again */
  stream_type: u32,
  record_count: u32,
  /** Of the numbers of a record, in bytes; its strings follow them. */
  record_start_size: u32,
  records: array(MINIDUMP_LOCATION_DESCRIPTOR, MAC_CRASH_INFOS),
});

const recordFields = {
  stream_type: u64,
  /** Of crashreporter_annotations_t: 1, 4 or 5 */
  version: u64,
};
const recordFields4 = { ...recordFields, thread: u64, dialog_mode: u64 };

export const MINIDUMP_MAC_CRASH_INFO_RECORD = struct('MINIDUMP_MAC_CRASH_INFO_RECORD', recordFields);
export const MINIDUMP_MAC_CRASH_INFO_RECORD_4 = struct('MINIDUMP_MAC_CRASH_INFO_RECORD_4', recordFields4);
export const MINIDUMP_MAC_CRASH_INFO_RECORD_5 = struct('MINIDUMP_MAC_CRASH_INFO_RECORD_5', {
  ...recordFields4,
  abort_cause: u64,
});

/** The strings behind a record of version 4 or 5, in their order, each with a NUL. */
export const MAC_CRASH_INFO_STRINGS = [
  'module_path',
  'message',
  'signature_string',
  'backtrace',
  'message2',
] as const;

/** The arguments the macOS kernel was started with. */
export const MINIDUMP_MAC_BOOTARGS = struct('MINIDUMP_MAC_BOOTARGS', {
  stream_type: u32,
  /** Of a MINIDUMP_STRING */
  bootargs: u64,
});
