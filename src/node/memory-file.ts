import { MinidumpError } from '../io/index.js';
import { writeAt } from './file-region.js';
import { errno, errnoName, libc } from './libc.js';
import { readWhole } from './read.js';

const MFD_CLOEXEC = 1;

/** A file that is in memory only and has no name (memfd_create): what two processes hand each other, however large. */
export class MemoryFile implements Disposable {
  readonly fd: number;

  constructor() {
    this.fd = libc('int memfd_create(const char *name, unsigned int flags)')('mdmp', MFD_CLOEXEC);
    if (this.fd >= 0) return;
    const why = errnoName(errno());
    throw new MinidumpError('system-call', `no file could be made in memory (memfd_create: ${why})`);
  }

  write(bytes: Uint8Array): void {
    writeAt(this.fd, 0, bytes);
  }

  read(): Buffer {
    return readWhole(this.fd);
  }

  [Symbol.dispose](): void {
    closeDescriptor(this.fd);
  }
}

/** Closes what was not opened by node:fs: of that a worker thread would warn. */
export function closeDescriptor(fd: number): void {
  libc('int close(int fd)')(fd);
}
