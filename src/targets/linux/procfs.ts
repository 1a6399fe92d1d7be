import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { parseStat } from '../../linux/stat.js';
import { readSome } from '../../node/read.js';

/** What each file descriptor refers to, a line each: `3 -> /var/log/app.log`, `4 -> socket:[1234]`. */
export function openFiles(pid: number): Buffer | undefined {
  const folder = `/proc/${pid}/fd`;
  let lines = '';
  try {
    for (const fd of readdirSync(folder)) {
      try {
        lines += `${fd} -> ${readlinkSync(`${folder}/${fd}`).replaceAll('\n', '\\012')}\n`;
      } catch {
        // Closed in the meantime.
      }
    }
  } catch {
    return undefined;
  }
  return Buffer.from(lines);
}

/** A text of /proc, or undefined where it is absent or forbidden. */
export function readText(path: string): string | undefined {
  return readBytes(path)?.toString('utf8');
}

/** A file of /proc, whose size is not known before it is read, or undefined where it is absent or forbidden. */
export function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The letter of the state that /proc/PID/stat or /proc/PID/task/TID/stat tells; undefined once there is no such file. */
export function stateIn(path: string): string | undefined {
  const text = readText(path);
  return text === undefined ? undefined : parseStat(text).state;
}

/** The ids of the threads there are now; empty once the process is gone. */
export function listThreads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

/** The children of this process, of all its threads. Needs CONFIG_PROC_CHILDREN, which distributions have; without it none are seen. */
export function ownChildren(): number[] {
  return listThreads(process.pid).flatMap((tid) => {
    const text = readText(`/proc/self/task/${tid}/children`) ?? '';
    return text.split(' ').filter(Boolean).map(Number);
  });
}

/**
 * Reads /proc/PID/maps in one go into a buffer that is kept: the kernel writes whole lines for each read, and a large
 * buffer means few of them.
 */
export class MapsFile {
  readonly #path: string;
  #buffer = Buffer.allocUnsafe(64 * 1024);

  /** `via` is a living thread: the file of an ended leader is empty. */
  constructor(pid: number, via: number) {
    this.#path = `/proc/${pid}/task/${via}/maps`;
  }

  read(): Buffer {
    const fd = openSync(this.#path, 'r');
    try {
      let filled = 0;
      for (;;) {
        if (filled === this.#buffer.length) {
          this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafe(this.#buffer.length)]);
        }
        const got = readSome(fd, this.#buffer, filled, this.#buffer.length - filled, null);
        if (got === 0) return Buffer.from(this.#buffer.subarray(0, filled));
        filled += got;
      }
    } finally {
      closeSync(fd);
    }
  }
}
