// Where dumps go, and how much may lie there.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from './error.js';
import { atExit } from './processes.js';

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const TMPFS = 0x01021994;
/** What lies in memory takes it from the target and from whoever else is there. */
const MOST_IN_MEMORY = 6e9;

/** Bytes of memory that are free or can be freed. */
const availableMemory = () =>
  Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024;

/** A new folder, removed at the end. */
export function temporaryFolder(parent) {
  let folder;
  try {
    folder = mkdtempSync(join(parent, 'mdmp-bench-'));
  } catch (error) {
    throw new BenchError(`${parent}: ${error.message}`);
  }
  atExit(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The folder for dumps: its path, whether it is in memory, and how many bytes a dump there may have. */
export function dumpFolder(wanted) {
  const shm = '/dev/shm';
  const hasRoom = (path) => {
    const { bavail, bsize, type } = statfsSync(path);
    return type === TMPFS && Math.min(bavail * bsize, availableMemory()) > MOST_IN_MEMORY;
  };
  const parent = wanted ?? (existsSync(shm) && hasRoom(shm) ? shm : tmpdir());
  if (wanted !== undefined) mkdirSync(wanted, { recursive: true });
  const path = temporaryFolder(parent);
  const { bavail, bsize, type } = statfsSync(path);
  const inMemory = type === TMPFS;
  const room = bavail * bsize * 0.9;
  return { path, parent, inMemory, room: Math.floor(inMemory ? Math.min(room, MOST_IN_MEMORY) : room) };
}
