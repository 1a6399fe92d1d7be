import { ftruncateSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { writeAt } from '../../../node/file-region.js';
import { readWhole } from '../../../node/read.js';

/*
 * What a dumper and its guard agree on. The guard is started as `node windows-guard.js PID ASKED READY OVER`: the dumper and the handles of three of
 * its events. Before it has a process dumped the dumper writes a GuardRequest into the guard's standard input, a file, and sets ASKED. The
 * guard opens the threads, writes its GuardAnswer into its standard output, and sets READY; the dump begins. After it the dumper sets OVER,
 * and the guard answers once more. It waits for the next request then, and goes when none comes, or the dumper ends.
 *
 * All are handles and files, which can be waited for and written while an event loop stands still.
 */

export interface GuardRequest {
  pid: number;
  /** Milliseconds. */
  maxPause: number;
}

/** What is known of the threads; each list has thread ids. */
export interface GuardAnswer {
  /** Those that were suspended already before the dump. */
  already: number[];
  /** How many there were. */
  threads: number;
  /** Those that may not be opened, and so cannot be guarded. */
  closed: readonly number[];
  /** The time was over, and the process was let go on. */
  late: boolean;
  /** Those that DbgHelp has left suspended, and that were resumed. */
  left: number[];
  /** Why there is no answer: one line. */
  failure?: string | undefined;
}

export function send(fd: number, message: GuardRequest | GuardAnswer): void {
  ftruncateSync(fd, 0);
  writeAt(fd, 0, serialize(message));
}

export function receive<Message extends GuardRequest | GuardAnswer>(fd: number): Message {
  return deserialize(readWhole(fd)) as Message;
}
