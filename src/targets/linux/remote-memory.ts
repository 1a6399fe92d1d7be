import { closeSync, openSync, writeSync } from 'node:fs';
import { readSome } from '../../node/read.js';

/*
 * Memory of a process is read through /proc/PID/mem only. process_vm_readv would be as fast, but it pins pages, and for that the
 * kernel makes each page that is shared since a fork a page of its own (FAULT_FLAG_UNSHARE, Linux 5.19): to read a snapshot, or a
 * process that has forked by itself, would cost it a copy of all that is read. Measured: 512 MiB read from a frozen fork, of which
 * nothing was shared any more afterwards; and at a memory limit the process was killed for it.
 */

/** Opens the memory of a process for `readSome`, whose position is an address. */
export function openMemory(pid: number, via: number): number {
  return openSync(`/proc/${pid}/task/${via}/mem`, 'r');
}

/** Memory of a stopped thread, whole ranges or nothing, as it is: no pagemap, no files. For the thread that traces. */
export class RemoteMemory {
  read(tid: number, address: bigint, into: Uint8Array): boolean {
    return this.#with(tid, 'r', (fd) => readSome(fd, into, 0, into.length, address) === into.length);
  }

  write(tid: number, address: bigint, bytes: Uint8Array): boolean {
    return this.#with(tid, 'r+', (fd) => pwrite(fd, bytes, address) === bytes.length);
  }

  #with(tid: number, flags: string, act: (fd: number) => boolean): boolean {
    let fd: number | undefined;
    try {
      fd = openSync(`/proc/${tid}/mem`, flags);
      return act(fd);
    } catch {
      return false;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

/** Node takes a number as position; addresses of user space have 47 bits, or 56. */
function pwrite(fd: number, bytes: Uint8Array, address: bigint): number {
  return writeSync(fd, bytes, 0, bytes.length, Number(address));
}
