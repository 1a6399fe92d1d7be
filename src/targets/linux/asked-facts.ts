import type {
  ReadMemory,
  TargetHandle,
  TargetModule,
  TargetThreadInfo,
  TargetToken,
} from '../../dump/target.js';
import { type InputOf, type MINIDUMP_SYSTEM_MEMORY_INFO_1, MINIDUMP_TYPE } from '../../format/index.js';
import { runSync } from '../../io/index.js';
import { cgroupMemory } from '../../linux/cgroup.js';
import { parseMounts } from '../../linux/mounts.js';
import { type NptlLayout, readNptlLayout } from '../../linux/nptl.js';
import type { Stat } from '../../linux/stat.js';
import { systemMemory } from '../../linux/system-memory.js';
import { startRoutine } from '../../linux/thread-block.js';
import { bootTime, threadInfo } from '../../linux/thread-info.js';
import { type CgroupMemory, vmCounters } from '../../linux/vm-counters.js';
import { ProcessTokens } from './credentials.js';
import { readDescriptors } from './descriptors.js';
import { listThreads, readText } from './procfs.js';

const {
  MiniDumpWithHandleData,
  MiniDumpWithProcessThreadData,
  MiniDumpWithThreadInfo,
  MiniDumpWithTokenInformation,
} = MINIDUMP_TYPE;

/**
 * What the flags of a dump ask of a process beyond its stacks. What can be read while it runs is read then, and only if it
 * was asked for; the rest while it stands still.
 */
export class AskedFacts {
  /** When the machine started, in seconds since 1970. */
  readonly booted: number;
  readonly handles: readonly TargetHandle[];
  readonly systemMemory: InputOf<typeof MINIDUMP_SYSTEM_MEMORY_INFO_1>;
  readonly #pid: number;
  readonly #type: number;
  readonly #status: string;
  readonly #cgroup: CgroupMemory | undefined;
  readonly #tokens: ProcessTokens | undefined;
  readonly #threadStatus = new Map<number, string>();
  #layout: NptlLayout | undefined;

  /**
   * @param via a living thread: the files of an ended leader are empty
   * @param type MINIDUMP_TYPE flags
   */
  constructor(pid: number, via: number, type: number) {
    const folder = `/proc/${pid}/task/${via}`;
    this.#pid = pid;
    this.#type = type;
    this.#status = readText(`${folder}/status`) ?? '';
    this.#cgroup = cgroupMemory(
      readText(`${folder}/cgroup`) ?? '',
      parseMounts(readText('/proc/self/mountinfo') ?? ''),
      readText,
    );
    const stat = readText('/proc/stat') ?? '';
    this.booted = bootTime(stat);
    this.systemMemory = systemMemory({
      meminfo: readText('/proc/meminfo') ?? '',
      vmstat: readText('/proc/vmstat') ?? '',
      stat,
      onlineCpus: readText('/sys/devices/system/cpu/online') ?? '',
      lowestAddress: readText('/proc/sys/vm/mmap_min_addr') ?? '',
    });
    this.handles = this.#asks(MiniDumpWithHandleData) ? readDescriptors(folder) : [];
    this.#tokens = this.#asks(MiniDumpWithTokenInformation) ? new ProcessTokens(pid, via) : undefined;
    if (this.#asks(MiniDumpWithThreadInfo)) for (const tid of listThreads(pid)) this.#statusOf(tid);
  }

  #asks(flag: number): boolean {
    return (this.#type & flag) !== 0;
  }

  /** Learns the layout of the C library, if it will be needed and is not known yet. */
  useModules(modules: readonly TargetModule[], read: ReadMemory): void {
    if (!this.#asks(MiniDumpWithThreadInfo | MiniDumpWithProcessThreadData)) return;
    this.#layout ??= runSync(readNptlLayout(modules, read));
  }

  /** Of the glibc of the process; undefined if it has another library, or none of it was asked for. */
  get layout(): NptlLayout | undefined {
    return this.#layout;
  }

  /** @param threads those that are held: some may be new */
  tokens(threads: Iterable<number>): readonly TargetToken[] {
    return this.#tokens?.of(threads) ?? [];
  }

  vmCounters(stat: Stat): ReturnType<typeof vmCounters> {
    return vmCounters(this.#status, stat, this.#cgroup);
  }

  /**
   * MINIDUMP_THREAD_INFO of a thread that is held; undefined if it was not asked for.
   *
   * @param fsBase undefined for a thread that did not stop
   * @param isCode whether an address lies in memory that may be executed
   */
  threadInfo(
    tid: number,
    stat: Stat | undefined,
    fsBase: bigint | undefined,
    entry: bigint,
    read: ReadMemory,
    isCode: (address: bigint) => boolean,
  ): TargetThreadInfo | undefined {
    if (!this.#asks(MiniDumpWithThreadInfo) || stat === undefined) return undefined;
    const status = this.#statusOf(tid);
    const start = tid === this.#pid ? entry : this.#startOf(tid, status, fsBase, read);
    return threadInfo({
      stat,
      status,
      booted: this.booted,
      startAddress: isCode(start) ? start : 0n,
      registersMissing: fsBase === undefined,
    });
  }

  #startOf(tid: number, status: string, fsBase: bigint | undefined, read: ReadMemory): bigint {
    if (fsBase === undefined || this.#layout === undefined) return 0n;
    // The block holds the id that the thread has in its own pid namespace: the last one.
    const own = /^NSpid:.*?(\d+)$/m.exec(status)?.[1];
    return runSync(startRoutine(fsBase, own === undefined ? tid : Number(own), this.#layout, read));
  }

  #statusOf(tid: number): string {
    let status = this.#threadStatus.get(tid);
    if (status === undefined) {
      status = readText(`/proc/${this.#pid}/task/${tid}/status`) ?? '';
      this.#threadStatus.set(tid, status);
    }
    return status;
  }
}
