import { readFileSync } from 'node:fs';
import { libc } from '../node/libc.js';

const STREAMS = [0, 1, 2];
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** Those that did not block when this process began. */
const nonblocking = new Set<number>();

/** Looks at the standard streams before Node does. */
export function noteStreams(): void {
  for (const fd of STREAMS) {
    try {
      const [, flags] = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
      if ((Number.parseInt(flags ?? '0', 8) & O_NONBLOCK) !== 0) nonblocking.add(fd);
    } catch {
      // It is closed.
    }
  }
}

/**
 * Node has pipes not block, for all who have them: a program that is started with the same ones would lose what it writes while the reader is
 * slow (EAGAIN). They are given back as they were; what this process writes then waits itself.
 */
export function giveBackStreams(): void {
  const fcntl = libc('int fcntl(int fd, int command, int value)');
  for (const fd of STREAMS) {
    const flags = fcntl(fd, F_GETFL, 0) as number;
    if (flags >= 0 && (flags & O_NONBLOCK) !== 0 && !nonblocking.has(fd))
      fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
}
