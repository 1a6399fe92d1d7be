/** What the threads that copy memory into a file (copy-thread.ts) and the one that drives them (copier.ts) agree on. */

/** Words of the shared block, an Int32Array. */
export const Word = {
  /** Not 0: there is something to do, or nothing any more (Stop). Threads that were started ahead wait for it. */
  Gate: 0,
  /** Threads that have started. */
  Started: 1,
  /** 1 while a thread takes its next piece. */
  Lock: 2,
  /** The run that the next piece begins in. */
  Run: 3,
  /** 1: stop as soon as you can. */
  Stop: 4,
  /** Threads that have ended. */
  Ended: 5,
  /** errno of the first write that failed; 0 for none. */
  WriteErrno: 6,
  /** 1: the process is gone. */
  Gone: 7,
  /** Entries in the list of failures. */
  Failures: 8,
  /** A multiple of 2: words of 64 bits follow. */
  Count: 10,
} as const;
/** Words of 64 bits behind them. */
export const Long = {
  /** Where in its run the next piece begins. */
  Offset: 0,
  /** Bytes that are done. */
  Done: 1,
  Count: 2,
} as const;
export const LONGS_OFFSET = Word.Count * 4;
/** Failures: address, place in the file, length. */
export const FAILURES_OFFSET = LONGS_OFFSET + Long.Count * 8;
export const FAILURE_WORDS = 3;
export const MAX_FAILURES = 16 * 1024;
export const CONTROL_BYTES = FAILURES_OFFSET + MAX_FAILURES * FAILURE_WORDS * 8;

/** Memory that follows in the file as it follows in the process. */
export const RUN_WORDS = 3;
export const RunWord = { Address: 0, Position: 1, Length: 2 } as const;

/**
 * Bytes that are read and written at once. One file is written by one thread at a time: with smaller pieces they wait for each other
 * more often (2 GiB in pages of 2 MiB: 730 ms with 1 MiB, 835 with 256 KiB), with larger ones nothing stays in the cache.
 */
export const CHUNK = 1024 * 1024;
/** Runs that one piece may be made of. */
export const MAX_PARTS = 64;

/** What the threads are told when there is something to do. */
export interface CopyJob {
  /** RUN_WORDS words of 64 bits a run. */
  runs: SharedArrayBuffer;
  /** The memory of the process, of this thread alone, as the file is. */
  memory: number;
  /** Of the thread alone, which closes it: whatever happens to the dump's own descriptor, nobody writes into another file. */
  fd: number;
}
