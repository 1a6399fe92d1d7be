import { closeSync } from 'node:fs';
import { libc } from '../../node/libc.js';

/** The same on all architectures. */
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
const POLLOUT = 4;
/** A pipe that can be written to takes that much at once (PIPE_BUF). */
const MOST = 4096;

/**
 * Writes a line to the stderr of another process, which may stand still in its crash. It is opened for that moment only: whoever waits for its
 * end shall not wait for the watcher. Where that cannot be done, or would have to wait, nothing is written.
 */
export function writeToStderrOf(pid: number, line: string): void {
  const syscall = libc('long syscall(long number, long a, long b, long c)');
  const process = Number(syscall(SYS_PIDFD_OPEN, pid, 0, 0));
  if (process < 0) return;
  const stderr = Number(syscall(SYS_PIDFD_GETFD, process, 2, 0));
  closeSync(process);
  if (stderr < 0) return;
  try {
    const bytes = Buffer.from(`${line}\n`);
    // struct pollfd: fd, events, revents.
    const polled = new DataView(new ArrayBuffer(8));
    polled.setInt32(0, stderr, true);
    polled.setInt16(4, POLLOUT, true);
    const ready = libc('int poll(void *fds, unsigned long count, int timeout)')(
      new Uint8Array(polled.buffer),
      1,
      0,
    );
    if (ready === 1 && bytes.length <= MOST)
      libc('int64_t write(int fd, void *bytes, size_t size)')(stderr, bytes, bytes.length);
  } finally {
    closeSync(stderr);
  }
}
