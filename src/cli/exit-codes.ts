import type { ErrorCode } from '../io/index.js';

export interface ExitCode {
  readonly exit: number;
  readonly meaning: string;
}

/** Something that mdmp did not expect: a bug, please report it. */
export const INTERNAL = 1;
/** The command line is wrong. */
export const USAGE = 2;

/**
 * The exit code of the command for each way to fail: scripts test them, so they never change. Tens are the part that failed.
 * docs/errors.md says the same at more length; a test compares the two.
 */
export const EXIT_CODES: Readonly<Record<ErrorCode, ExitCode>> = {
  'invalid-argument': { exit: USAGE, meaning: 'an argument is wrong' },

  'input-unreadable': { exit: 10, meaning: 'the dump file is not there or cannot be read' },
  'not-a-minidump': { exit: 11, meaning: 'the file is no minidump' },
  truncated: { exit: 12, meaning: 'the file ends before what it speaks of' },
  malformed: { exit: 13, meaning: 'a part of the file contradicts itself' },
  'stream-missing': { exit: 14, meaning: 'the dump has no such stream' },
  'memory-missing': { exit: 15, meaning: 'the dump does not hold that memory' },
  'async-source': { exit: 16, meaning: 'a synchronous call was given a source that answers later' },
  unsupported: { exit: 17, meaning: 'mdmp cannot do this' },
  'not-a-core': { exit: 19, meaning: 'the file is no ELF core' },

  'no-such-process': { exit: 20, meaning: 'there is no process with this id' },
  zombie: { exit: 21, meaning: 'the process has ended and waits for its parent' },
  'kernel-thread': { exit: 22, meaning: 'a thread of the kernel has no memory of its own' },
  'own-process': { exit: 23, meaning: 'this program cannot start the helper that a dump of itself needs' },
  'helper-failed': { exit: 18, meaning: 'the helper that dumps its own program did not start, or died' },
  'permission-denied': { exit: 24, meaning: 'the system does not let this user look into the process' },
  'already-traced': { exit: 25, meaning: 'a debugger or another dumper holds the process' },
  'target-exited': { exit: 26, meaning: 'the process ended while it was dumped' },
  'target-not-stopped': { exit: 27, meaning: 'a thread could not be stopped' },
  'memory-unreadable': { exit: 28, meaning: 'memory that must go into the dump cannot be read' },
  'snapshot-lost': { exit: 29, meaning: 'the snapshot of the process was killed before it was written' },

  'callback-failed': { exit: 30, meaning: 'the callback threw, or answered what it may not' },
  'callback-async': { exit: 31, meaning: 'the callback returned a promise' },
  cancelled: { exit: 32, meaning: 'the callback cancelled the dump' },
  'max-pause': { exit: 33, meaning: 'the process would have stood still for longer than --max-pause' },

  'output-exists': { exit: 40, meaning: 'the output file exists and --force was not given' },
  'output-folder': { exit: 41, meaning: 'the folder of the output file does not exist' },
  'output-denied': { exit: 42, meaning: 'the output file may not be written' },
  'disk-full': { exit: 43, meaning: 'there is no space left for the dump' },
  'write-failed': { exit: 44, meaning: 'the output could not be written' },
  'output-closed': { exit: 45, meaning: 'the reader of the output has gone' },
  'stdout-failed': { exit: 46, meaning: 'what the command prints could not be written' },

  'koffi-missing': { exit: 50, meaning: 'the optional package koffi is needed to dump a process' },
  platform: { exit: 51, meaning: 'this cannot be done on this operating system or processor' },
  'system-call': { exit: 52, meaning: 'a call to the operating system failed in a way not foreseen' },
  'zstd-missing': { exit: 53, meaning: 'nothing that compresses with zstd was found' },

  'not-watched': { exit: 60, meaning: 'no watcher of yours watches the process' },
  'watch-state': { exit: 61, meaning: 'the watcher has let the process go already, or has not' },
  'watcher-denied': { exit: 62, meaning: 'the watcher does nothing for this user' },
  'watcher-lost': { exit: 63, meaning: 'the watcher does not answer, or has gone' },
};

/** The list for people, one line a code. */
export function exitCodeTable(): string {
  const lines: [number, string, string][] = [
    [0, '', 'all went well'],
    [INTERNAL, '', 'an error inside mdmp; please report it'],
    ...Object.entries(EXIT_CODES).map(([code, { exit, meaning }]): [number, string, string] => [
      exit,
      code,
      meaning,
    ]),
  ];
  const width = Math.max(...lines.map(([, code]) => code.length));
  return lines
    .sort(([a], [b]) => a - b)
    .map(([exit, code, meaning]) => `  ${String(exit).padStart(2)}  ${code.padEnd(width)}  ${meaning}`)
    .join('\n');
}
