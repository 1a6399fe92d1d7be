import { fstatSync, type Stats, writeSync } from 'node:fs';
import { MinidumpError, outputFailure, type Sink } from '../io/index.js';
import { descriptorFlags, waitUntilWritable } from './writable.js';

/**
 * A sink over a file descriptor that belongs to the caller: it is neither closed nor truncated here. Everything is
 * synchronous: a write to a pipe that is full blocks the thread until somebody reads (see AsyncDescriptorSink).
 */
export class DescriptorSink implements Sink {
  readonly mayWait: boolean;
  readonly #fd: number;

  /** Fails with `invalid-argument` where nothing can be written to the descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
    this.mayWait = !checkDescriptor(fd).isFile();
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const count = writeSome(this.#fd, bytes, done);
      if (count === 0) waitUntilWritable(this.#fd);
      done += count;
    }
  }

  close(): void {}

  abort(): void {}
}

/** Refuses what is no file descriptor, and one that is open for reading only. */
export function checkDescriptor(fd: number): Stats {
  if (!Number.isInteger(fd) || fd < 0) {
    throw new MinidumpError('invalid-argument', `${String(fd)} is not a file descriptor`);
  }
  let stat: Stats;
  try {
    stat = fstatSync(fd);
  } catch (cause) {
    throw new MinidumpError('invalid-argument', `there is no open file descriptor ${fd}`, { cause });
  }
  if (descriptorFlags(fd)?.writable === false) {
    throw new MinidumpError('invalid-argument', `file descriptor ${fd} is not open for writing`);
  }
  return stat;
}

/** write(2): how many bytes it took, which may be fewer than there are, and 0 where it would have to wait. */
export function writeSome(fd: number, bytes: Uint8Array, from: number): number {
  try {
    return writeSync(fd, bytes, from);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw outputFailure(cause);
  }
}
