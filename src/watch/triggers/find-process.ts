import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MinidumpError } from '../../io/index.js';
import { parseStat } from '../../linux/stat.js';
import { readText } from '../../targets/linux/procfs.js';
import { findByName } from '../../targets/windows/processes.js';

/** Looks at /proc take this part of a processor, more only where there are thousands of processes. */
const LOOK_SHARE = 0.01;
const SHORTEST_WAIT = 200;
const LONGEST_WAIT = 1000;
/** A process with the name that it had is not looked into again before so many milliseconds. */
const FORGET_MS = 5000;

/**
 * The processes of a name: what the kernel calls them (comm, 15 bytes), the base name of their first argument, or, where `name`
 * begins with a slash, the file that they run. Newest first; without this process, kernel threads and what has ended. On Windows see
 * `findByName`.
 *
 * @throws MinidumpError `invalid-argument` for no name
 */
export function findProcess(name: string): number[] {
  if (process.platform === 'win32' && name !== '') return findByName(name);
  return new ProcessFinder(name).look();
}

/**
 * The newest process of this name, as soon as there is one.
 *
 * @throws what the signal is aborted with; MinidumpError as `findProcess`
 */
export async function waitForProcess(name: string, signal: AbortSignal): Promise<number> {
  const finder = new ProcessFinder(name);
  for (;;) {
    signal.throwIfAborted();
    const before = process.cpuUsage();
    const [found] = finder.look();
    if (found !== undefined) return found;
    const { user, system } = process.cpuUsage(before);
    const took = (user + system) / 1000;
    const wait = Math.min(Math.max(took / LOOK_SHARE, SHORTEST_WAIT), LONGEST_WAIT);
    await sleep(wait, undefined, { signal }).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
  }
}

class ProcessFinder {
  readonly #name: string;
  /** The file, links followed, where the name is a path. */
  readonly #path: string | undefined;
  /** What was looked into and was not it. */
  #others = new Map<number, string>();
  #forgetAt = 0;

  constructor(name: string) {
    if (name === '' || name.includes('\0'))
      throw new MinidumpError('invalid-argument', 'the name of a process must not be empty');
    this.#name = name;
    this.#path = name.startsWith('/') ? real(name) : undefined;
  }

  look(): number[] {
    const now = performance.now();
    if (now >= this.#forgetAt) {
      this.#others.clear();
      this.#forgetAt = now + FORGET_MS;
    }
    const others = new Map<number, string>();
    const found: { pid: number; startTime: number }[] = [];
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!(pid > 0) || pid === process.pid) continue;
      const comm = readText(`/proc/${pid}/comm`)?.replace(/\n$/, '');
      if (comm === undefined) continue;
      if (this.#others.get(pid) === comm || !this.#isIt(pid, comm)) {
        others.set(pid, comm);
        continue;
      }
      const stat = parseStat(readText(`/proc/${pid}/stat`) ?? '');
      if (/[RSDTtI]/.test(stat.state)) found.push({ pid, startTime: stat.startTime });
    }
    this.#others = others;
    return found.sort((a, b) => b.startTime - a.startTime || b.pid - a.pid).map(({ pid }) => pid);
  }

  #isIt(pid: number, comm: string): boolean {
    if (this.#path !== undefined) {
      try {
        return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '') === this.#path;
      } catch {
        return false;
      }
    }
    // Kernel threads have no arguments, nor has what has ended.
    const commandLine = readText(`/proc/${pid}/cmdline`);
    if (!commandLine) return false;
    return comm === this.#name || basename(commandLine.split('\0', 1)[0]!) === this.#name;
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It may be there later.
    return path;
  }
}
