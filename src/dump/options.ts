import type { MINIDUMP_CALLBACK_INFORMATION } from './callback.js';
import type { Callbacks } from './callbacks.js';

/** A stream of the user's own, copied as it is. */
export interface UserStream {
  /** Above 0xffff by convention; the comment streams 10 and 11 are commonly given, too. */
  type: number;
  bytes: Uint8Array;
}

/**
 * ExceptionPointers of Linux: siginfo_t and ucontext_t as the kernel gave them to a signal handler, as bytes, or as
 * addresses in the target.
 */
export interface ExceptionPointers {
  siginfo: Uint8Array | bigint;
  ucontext: Uint8Array | bigint;
}

export interface DumpException extends ExceptionPointers {
  threadId: number;
}

export interface DumpProgress {
  phase: 'writing';
  /** Bytes. */
  written: number;
  total: number;
}

/** What decides about the contents of a dump. */
export interface DumpOptions<Param = unknown> {
  /** MINIDUMP_TYPE flags; MiniDumpNormal by default. */
  type?: number | undefined;
  /** The callback as Win32 has it. */
  callback?: MINIDUMP_CALLBACK_INFORMATION<Param> | undefined;
  /** The callback as an object of functions; one of the two. */
  callbacks?: Callbacks | undefined;
  exception?: DumpException | undefined;
  userStreams?: readonly UserStream[] | undefined;
  /** Text for the comment stream. */
  comment?: string | undefined;
  /** What a callback finds in Io.Handle: the hFile of MiniDumpWriteDump. */
  fileHandle?: unknown;
  /** For a target that is a minidump: keep its memory as it is (the default), or select of it by `type`. */
  storedMemory?: 'keep' | 'select' | undefined;
  /** Gives the dump up with `cancelled`; seen while memory is copied from a snapshot, and while the dump is written. */
  signal?: AbortSignal | undefined;
  /** Called while the process runs only: it may be the one that reads our output. */
  onProgress?: ((progress: DumpProgress) => void) | undefined;
}

export interface ReportedRange {
  address: bigint;
  size: bigint;
}

/** Memory that could not be read, and why, in a few words. */
export interface UnreadableRange extends ReportedRange {
  why: string;
}

/** What went into a dump, and what did not. */
export interface DumpReport {
  pid: number;
  /** MINIDUMP_TYPE flags, as in the header. */
  type: number;
  /** Bytes of the dump. */
  size: number;
  /** The callback wrote the dump (IoStartCallback, `ioWriteAll`): no file was made. */
  writtenByCallback: boolean;
  /** How long the process stood still, in milliseconds. */
  pauseMs: number;
  /** The memory came from a frozen copy of the process, which ran meanwhile. */
  snapshot: boolean;
  threads: { written: number; excluded: number };
  modules: { written: number; excluded: number };
  memory: { ranges: number; bytes: number };
  /**
   * What was taken out: as the callback named it, and with MiniDumpWithoutOptionalData and MiniDumpFilterTriage command line and
   * environment. Merged. Other copies of the same values are not looked for.
   */
  removed: ReportedRange[];
  /** What was wanted and cannot be read: left out, or zero (the stream MozSoftErrors says which). */
  unreadable: UnreadableRange[];
  /** Flags of the type that mean nothing here. */
  withoutMeaning: string[];
  /** Calls of the process that came back short because the stop caught them half-way. */
  shortenedCalls: number;
  warnings: string[];
  streams: { type: number; name: string; size: number }[];
}
