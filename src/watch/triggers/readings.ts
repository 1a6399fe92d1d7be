import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { MinidumpError } from '../../io/index.js';
import { type CgroupShare, cgroupShare } from '../../linux/cgroup.js';
import { type Mount, parseMounts } from '../../linux/mounts.js';
import { parseStat, parseStatus, type Stat, statusBytes } from '../../linux/stat.js';
import { readAndWriteCalls } from '../../linux/thread-calls.js';
import { ProcFile } from '../../targets/linux/proc-file.js';
import { readText } from '../../targets/linux/procfs.js';

/** A reading that took longer is done again: its time would be wrong. */
const SLOW_MS = 20;
/** smaps_rollup walks the page tables under the lock that the process maps memory with: not oftener than that. */
const ROLLUP_MS = 1000;
/** How long what is mounted is taken to stay so. */
const MOUNTS_MS = 60_000;

/** What /proc says of a process, each file read at most once a poll and only if somebody asks. */
export class Readings implements Disposable {
  readonly pid: number;
  readonly #files: Record<'stat' | 'status' | 'mainStat' | 'mainIo' | 'cgroup', ProcFile>;
  readonly #startTime: number;
  #stat: Stat;
  #time = 0;
  #mounts: { list: Mount[]; readAt: number } | undefined;
  // Of this poll; null where there was nothing to read.
  #status: ReadonlyMap<string, string> | null | undefined;
  #mainStat: Stat | null | undefined;
  #calls: number | null | undefined;
  #descriptors: number | string | undefined;
  #cgroup: string | null | undefined;
  #pss: { value: Promise<number | undefined>; startedAt: number } | undefined;

  /** @throws MinidumpError `no-such-process`, `zombie` */
  constructor(pid: number) {
    const folder = `/proc/${pid}`;
    this.pid = pid;
    this.#files = {
      stat: new ProcFile(`${folder}/stat`),
      status: new ProcFile(`${folder}/status`),
      mainStat: new ProcFile(`${folder}/task/${pid}/stat`),
      mainIo: new ProcFile(`${folder}/task/${pid}/io`),
      cgroup: new ProcFile(`${folder}/cgroup`),
    };
    const text = this.#files.stat.read();
    if (text === undefined) throw new MinidumpError('no-such-process', `there is no process ${pid}`);
    this.#stat = parseStat(text);
    this.#startTime = this.#stat.startTime;
    if (hasEnded(this.#stat)) {
      this[Symbol.dispose]();
      throw new MinidumpError('zombie', `process ${pid} (${this.#stat.name}) has ended`);
    }
  }

  /** Starts a poll; false once the process is gone. */
  poll(): boolean {
    this.#status = this.#mainStat = this.#calls = this.#descriptors = this.#cgroup = undefined;
    for (let attempt = 0; attempt < 3; attempt++) {
      const before = performance.now();
      const text = this.#files.stat.read();
      this.#time = performance.now();
      if (text === undefined) return false;
      this.#stat = parseStat(text);
      if (this.#time - before < SLOW_MS) break;
    }
    return !hasEnded(this.#stat) && this.#stat.startTime === this.#startTime;
  }

  /** When `stat` was read, in milliseconds of `performance.now`. */
  get time(): number {
    return this.#time;
  }

  /** /proc/PID/stat: times are those of all threads. */
  get stat(): Stat {
    return this.#stat;
  }

  /** /proc/PID/status, which speaks of the main thread where it speaks of one. */
  get status(): ReadonlyMap<string, string> | undefined {
    if (this.#status === undefined) {
      const text = this.#files.status.read();
      this.#status = text === undefined ? null : parseStatus(text);
    }
    return this.#status ?? undefined;
  }

  /** The stat of the main thread alone. */
  get mainStat(): Stat | undefined {
    if (this.#mainStat === undefined) {
      const text = this.#files.mainStat.read();
      this.#mainStat = text === undefined ? null : parseStat(text);
    }
    return this.#mainStat ?? undefined;
  }

  /** How many read and write calls the main thread has made; undefined without the right to know. */
  get calls(): number | undefined {
    if (this.#calls === undefined) {
      const text = this.#files.mainIo.read();
      this.#calls = (text === undefined ? undefined : readAndWriteCalls(text)) ?? null;
    }
    return this.#calls ?? undefined;
  }

  /** Why `calls` is not known. */
  get callsError(): string | undefined {
    return this.#files.mainIo.error;
  }

  /** How many descriptors are open, or the error code that says why that cannot be known. */
  get descriptors(): number | string {
    this.#descriptors ??= countDescriptors(this.pid);
    return this.#descriptors;
  }

  /**
   * PSS in bytes, read in another thread: the process may hold that lock for long. The same promise is given until it is settled and
   * time for another one; it fails with the system's error, and gives undefined for a process that ends.
   */
  pss(): Promise<number | undefined> {
    const { time } = this;
    // A poll that comes a little early is the one that was meant.
    if (this.#pss === undefined || time - this.#pss.startedAt >= ROLLUP_MS * 0.95) {
      const reading = { startedAt: Infinity, value: readPss(this.pid) };
      this.#pss = reading;
      const settle = () => {
        reading.startedAt = time;
      };
      reading.value.then(settle, settle);
    }
    return this.#pss.value;
  }

  /**
   * How near its cgroup is to the limit.
   *
   * @param enough see `cgroupShare`
   */
  cgroupShare(enough: number): CgroupShare | 'unlimited' | 'unknown' {
    this.#cgroup ??= this.#files.cgroup.read() ?? null;
    if (this.#cgroup === null) return 'unknown';
    if (this.#mounts === undefined || this.#time - this.#mounts.readAt > MOUNTS_MS) {
      this.#mounts = { list: parseMounts(readText('/proc/self/mountinfo') ?? ''), readAt: this.#time };
    }
    return cgroupShare(this.#cgroup, this.#mounts.list, readText, enough);
  }

  [Symbol.dispose](): void {
    for (const file of Object.values(this.#files)) file[Symbol.dispose]();
  }
}

/** The first thread of a process may end before the others: then it is a zombie, and the process is none. */
function hasEnded({ state, threads }: Stat): boolean {
  return state === 'X' || state === 'x' || (state === 'Z' && threads <= 1);
}

function countDescriptors(pid: number): number | string {
  const folder = `/proc/${pid}/fd`;
  try {
    // Linux 6.2 and newer tell the number as the size of the folder, to everybody; before it was 0.
    const { size } = statSync(folder);
    return size > 0 ? size : readdirSync(folder).length;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function readPss(pid: number): Promise<number | undefined> {
  try {
    return statusBytes(parseStatus(await readFile(`/proc/${pid}/smaps_rollup`, 'latin1')), 'Pss');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'ENOENT') return undefined;
    throw error;
  }
}
