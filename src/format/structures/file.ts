import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';

/** 'MDMP' */
export const MINIDUMP_SIGNATURE = 0x504d444d;
/** The low half of Version; the high half is the writer's own. */
export const MINIDUMP_VERSION = 0xa793;

/** Where something lies in the file: a 32-bit offset (RVA) and size, in bytes. */
export const MINIDUMP_LOCATION_DESCRIPTOR = struct('MINIDUMP_LOCATION_DESCRIPTOR', {
  DataSize: u32,
  Rva: u32,
});
export type MINIDUMP_LOCATION_DESCRIPTOR = ValueOf<typeof MINIDUMP_LOCATION_DESCRIPTOR>;

export const MINIDUMP_LOCATION_DESCRIPTOR64 = struct('MINIDUMP_LOCATION_DESCRIPTOR64', {
  DataSize: u64,
  Rva: u64,
});

/** A range of the process's memory, and where its bytes lie in the file. */
export const MINIDUMP_MEMORY_DESCRIPTOR = struct('MINIDUMP_MEMORY_DESCRIPTOR', {
  StartOfMemoryRange: u64,
  Memory: MINIDUMP_LOCATION_DESCRIPTOR,
});
export type MINIDUMP_MEMORY_DESCRIPTOR = ValueOf<typeof MINIDUMP_MEMORY_DESCRIPTOR>;

/** A range of memory in a full-memory dump: the bytes of all ranges follow each other from the list's BaseRva on. */
export const MINIDUMP_MEMORY_DESCRIPTOR64 = struct('MINIDUMP_MEMORY_DESCRIPTOR64', {
  StartOfMemoryRange: u64,
  DataSize: u64,
});
export type MINIDUMP_MEMORY_DESCRIPTOR64 = ValueOf<typeof MINIDUMP_MEMORY_DESCRIPTOR64>;

/** The first 32 bytes of the file. */
export const MINIDUMP_HEADER = struct('MINIDUMP_HEADER', {
  Signature: u32,
  Version: u32,
  /** Entries of the directory, the unused ones included. */
  NumberOfStreams: u32,
  StreamDirectoryRva: u32,
  /** Always 0. */
  CheckSum: u32,
  /** When the dump was made: seconds since 1970. */
  TimeDateStamp: u32,
  /** MINIDUMP_TYPE */
  Flags: u64,
});
export type MINIDUMP_HEADER = ValueOf<typeof MINIDUMP_HEADER>;

/** An entry of the directory. */
export const MINIDUMP_DIRECTORY = struct('MINIDUMP_DIRECTORY', {
  StreamType: u32,
  Location: MINIDUMP_LOCATION_DESCRIPTOR,
});
export type MINIDUMP_DIRECTORY = ValueOf<typeof MINIDUMP_DIRECTORY>;

/** A user stream, where a program lists them in memory of its own; the header declares it for readers of such lists. */
export const MINIDUMP_USER_RECORD = struct('MINIDUMP_USER_RECORD', {
  Type: u32,
  Memory: MINIDUMP_LOCATION_DESCRIPTOR,
});

/** The directory's bytes. */
export function encodeDirectory(entries: readonly InputOf<typeof MINIDUMP_DIRECTORY>[]): Uint8Array {
  const all = new Uint8Array(entries.length * MINIDUMP_DIRECTORY.size);
  const view = new DataView(all.buffer);
  entries.forEach((entry, i) => {
    MINIDUMP_DIRECTORY.write(view, i * MINIDUMP_DIRECTORY.size, entry);
  });
  return all;
}
