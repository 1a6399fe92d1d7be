import { readFileSync } from 'node:fs';
import { libc } from './libc.js';

const POLLOUT = 4;
/** A thread that waits keeps a process from ending: not longer than this at a time, in milliseconds. */
const SLICE = 250;
/** Without koffi there is no poll(2): look again after so many milliseconds. */
const LOOK_AGAIN = 5;

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_NONBLOCK = 0o4000;

/** How a file descriptor was opened, as far as /proc tells: undefined without it, or where there is no such descriptor. */
export function descriptorFlags(fd: number): { writable: boolean; nonBlocking: boolean } | undefined {
  // Under Wine there may be a /proc, of other descriptors than ours.
  if (process.platform !== 'linux') return undefined;
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    const flags = Number.parseInt(/^flags:\t([0-7]+)$/m.exec(text)?.[1] ?? '', 8);
    if (Number.isNaN(flags)) return undefined;
    return { writable: (flags & O_ACCMODE) !== O_RDONLY, nonBlocking: (flags & O_NONBLOCK) !== 0 };
  } catch {
    return undefined;
  }
}

/** Blocks until a file descriptor takes more, or its reader has gone. */
export function waitUntilWritable(fd: number): void {
  const poll = pollFunction();
  if (poll !== undefined) poll(pollEntry(fd), 1, -1);
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN);
}

/** The same without blocking the event loop. May answer too early: whoever asks tries, and asks again. */
export function untilWritable(fd: number): Promise<void> {
  const poll = pollFunction();
  if (poll === undefined) return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
  const entry = pollEntry(fd);
  return new Promise((resolve) => {
    // The closure keeps the entry alive while another thread uses it. What went wrong, the next write tells.
    poll.async(entry, 1, SLICE, () => resolve(void entry));
  });
}

function pollFunction() {
  try {
    return libc('int poll(void *fds, unsigned long count, int timeout)');
  } catch {
    return undefined; // koffi is not installed
  }
}

/** struct pollfd { int fd; short events; short revents; }, outside of V8's heap, where nothing moves it. */
function pollEntry(fd: number): Int32Array {
  const entry = new Int32Array(new ArrayBuffer(8));
  entry[0] = fd;
  new Int16Array(entry.buffer)[2] = POLLOUT;
  return entry;
}
