import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';

/** One line of /proc/PID/maps. */
export interface Mapping {
  start: bigint;
  end: bigint;
  readable: boolean;
  writable: boolean;
  executable: boolean;
  shared: boolean;
  /** Offset in the file. */
  offset: bigint;
  /** Device as `major:minor`, in hexadecimal as the kernel prints it. */
  device: string;
  /** 0 for memory without a file. */
  inode: bigint;
  /** Path as the process sees it, without the kernel's ` (deleted)`; `[stack]` and the like; empty for none. */
  path: string;
  deleted: boolean;
}

const MAPS_LINE = /^([0-9a-f]+)-([0-9a-f]+) (.)(.)(.)(.) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;
const DELETED = ' (deleted)';

/** Parses /proc/PID/maps. The kernel writes a newline in a path as `\012` and leaves every other byte alone. */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split('\n')) {
    const parts = MAPS_LINE.exec(line);
    if (parts === null) continue;
    const inode = BigInt(parts[9]!);
    let path = parts[10]!.replaceAll('\\012', '\n');
    const deleted = inode !== 0n && path.endsWith(DELETED);
    if (deleted) path = path.slice(0, -DELETED.length);
    mappings.push({
      start: BigInt(`0x${parts[1]}`),
      end: BigInt(`0x${parts[2]}`),
      readable: parts[3] === 'r',
      writable: parts[4] === 'w',
      executable: parts[5] === 'x',
      shared: parts[6] === 's',
      offset: BigInt(`0x${parts[7]}`),
      device: parts[8]!,
      inode,
      path,
      deleted,
    });
  }
  return mappings;
}

/** What mdmp needs of /proc/PID/stat or /proc/PID/task/TID/stat; proc(5) numbers the fields from 1. */
export interface Stat {
  name: string;
  /** R, S, D, T, t, Z, X … */
  state: string;
  /** In clock ticks. */
  userTime: number;
  kernelTime: number;
  priority: number;
  nice: number;
  /** In clock ticks since the machine started. */
  startTime: number;
  /** Where the kernel put the arguments and the environment; 0 without the right to know. */
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
}

export function parseStat(text: string): Stat {
  // The name may hold spaces and parentheses: it ends at the last one.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  const field = (number: number) => rest[number - 3] ?? '0';
  return {
    name: text.slice(open + 1, close),
    state: field(3),
    userTime: Number(field(14)),
    kernelTime: Number(field(15)),
    priority: Number(field(18)),
    nice: Number(field(19)),
    startTime: Number(field(22)),
    argStart: BigInt(field(48)),
    argEnd: BigInt(field(49)),
    envStart: BigInt(field(50)),
    envEnd: BigInt(field(51).trim()),
  };
}

/** The `Key:\tvalue` lines of /proc/PID/status. */
export function parseStatus(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return values;
}

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

/** The ids of the threads there are now; empty once the process is gone. */
export function listThreads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
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
        const got = readSync(fd, this.#buffer, filled, this.#buffer.length - filled, null);
        if (got === 0) return Buffer.from(this.#buffer.subarray(0, filled));
        filled += got;
      }
    } finally {
      closeSync(fd);
    }
  }
}
