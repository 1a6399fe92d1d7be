import { fstatSync, readdirSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { descriptorFlags } from '../node/writable.js';
import { wrong } from './arguments.js';

/** Where a command writes a dump to, and where it then says what it did. */
export interface CommandOutput {
  readonly destination: string | number;
  /** For people: a path is as it was given. */
  readonly name: string;
  /** stdout belongs to the dump: all that is said goes to stderr. */
  readonly ownsStdout: boolean;
}

/**
 * What `-o` means: a path, `-` for standard output, or `/dev/fd/N` for a file descriptor, which is also what a shell makes of
 * `>(zstd > app.dmp.zst)`. Refuses a terminal.
 */
export function commandOutput(given: string): CommandOutput {
  const fd = descriptorNamed(given);
  if (fd === undefined) return { destination: given, name: given, ownsStdout: false };
  if (isatty(fd)) {
    throw wrong(
      'a dump is not written to a terminal',
      'Redirect it: `mdmp … -o - > app.dmp`, or `mdmp … -o - | zstd > app.dmp.zst`',
    );
  }
  if (isOurs(fd)) throw wrong(`no open file descriptor ${fd} was given to mdmp`);
  const name = fd === 1 ? 'standard output' : `file descriptor ${fd}`;
  return { destination: fd, name, ownsStdout: fd === 1 || isSameFile(fd, 1) };
}

function descriptorNamed(given: string): number | undefined {
  if (given === '-' || given === '/dev/stdout') return 1;
  if (given === '/dev/stderr') return 2;
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/.exec(given)?.[1];
  return number === undefined ? undefined : Number(number);
}

/**
 * Whether a descriptor is one of those that Node has opened for itself: an event loop, or a pipe whose other end is in this
 * process as well. They have the numbers that a user who forgot his `3>file` would name, and writing to them is chaos.
 */
function isOurs(fd: number): boolean {
  if (fd <= 2) return false;
  const leadsTo = (number: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`);
    } catch {
      return undefined;
    }
  };
  const target = leadsTo(String(fd));
  if (target === undefined) return false;
  if (target.startsWith('anon_inode:')) return true;
  if (!target.startsWith('pipe:')) return false;
  return readdirSync('/proc/self/fd').some(
    (other) => leadsTo(other) === target && descriptorFlags(Number(other))?.writable === false,
  );
}

/** `-o /dev/fd/3 3>&1` */
function isSameFile(a: number, b: number): boolean {
  try {
    const one = fstatSync(a);
    const other = fstatSync(b);
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}

/**
 * From here on whatever is printed goes to stderr, also what a callback module prints with console.log: between the bytes of
 * a dump it would make it unreadable.
 */
export function keepStdoutClean(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr);
}
