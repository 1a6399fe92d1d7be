import { libc } from './libc.js';

const POLLIN = 1;

/** Blocks until there is something to read from a descriptor, or its writers have gone: then true; false after so many milliseconds. */
export function waitUntilReadable(fd: number, milliseconds: number): boolean {
  const poll = libc('int poll(void *fds, unsigned long count, int timeout)');
  // struct pollfd { int fd; short events; short revents; }
  const entry = new Int32Array(new ArrayBuffer(8));
  const deadline = performance.now() + milliseconds;
  for (;;) {
    entry[0] = fd;
    entry[1] = POLLIN;
    const left = Math.ceil(deadline - performance.now());
    // -1: a signal that this program handles came in between.
    if (poll(entry, 1, Math.max(0, left)) > 0) return true;
    if (left <= 0) return false;
  }
}
