import { MinidumpError } from '../io/index.js';
import { signalName } from '../linux/signals.js';
import type { Destination } from '../node/destination.js';
import type { ThreadMoment } from '../targets/linux/attached/attached-protocol.js';
import { Attachment, type FollowEvent } from '../targets/linux/attached/attachment.js';
import type { AttachmentUse, SharedAttachment } from '../targets/linux/attached/shared-attachment.js';
import { writeAttached } from '../targets/linux/attached/write-attached.js';
import { readText } from '../targets/linux/procfs.js';
import {
  type FileDumpReport,
  type WriteMinidumpOptions,
  writeMinidump,
} from '../targets/linux/write-minidump.js';
import { type DumpOccasion, DumpStore, type OccasionCrash, type StoredDump } from './dumps/index.js';
import type { ProcessExit, WatchEnd, WatchEvent, WatchOptions } from './options.js';
import { type Firing, watchConditions } from './triggers/index.js';

const MAX_CRASH_PAUSE = 60_000;

/**
 * Watches a process until it ends, and dumps it when something happens to it. It starts with `watchProcess` or `runWatched`.
 *
 * The process goes on as if nobody watched: its signals, exit status, core file and handlers are its own.
 */
export class Watch implements AsyncDisposable {
  /** Of the process, or the first one. */
  readonly pid: number;
  /** Resolves when the watch is over, with all dumps and hooks done. */
  readonly ended: Promise<WatchEnd>;
  readonly #options: WatchOptions;
  readonly #store: DumpStore;
  readonly #attachment: AttachmentUse | undefined;
  /** The conditions of each process. */
  readonly #conditions = new Map<number, Disposable>();
  readonly #released = new Set<number>();
  /** It is our child: somebody has to wait for its end. */
  readonly #launched: boolean;
  #exit: ProcessExit | undefined;
  #over: ((end: WatchEnd) => void) | undefined;

  private constructor(
    options: WatchOptions,
    store: DumpStore,
    attachment: AttachmentUse | undefined,
    pid: number,
    early: FollowEvent[],
    launched: boolean,
  ) {
    this.#launched = launched;
    this.#options = options;
    this.#store = store;
    this.#attachment = attachment;
    this.pid = pid;
    this.ended = new Promise((done) => {
      this.#over = done;
    });
    this.#tell({ event: 'watching', pid, attached: attachment !== undefined });
    try {
      this.#watchConditions(pid);
    } catch (error) {
      attachment?.[Symbol.dispose]();
      throw error;
    }
    for (const event of early) this.#happened(event);
  }

  /**
   * Watches a process from now on.
   *
   * @param shared for the watches of one program that is attached to several processes
   * @throws MinidumpError
   */
  static async attach(pid: number, options: WatchOptions, shared?: SharedAttachment): Promise<Watch> {
    return await Watch.#start<AttachmentUse>(
      options,
      false,
      (tell) => shared?.lease(tell) ?? new Attachment(tell),
      async (attachment) => {
        await attachment?.attach(pid, followOptions(options));
        return pid;
      },
    );
  }

  /** Starts a program and watches it from before its first instruction. @throws MinidumpError */
  static async launch(words: readonly string[], options: WatchOptions): Promise<Watch> {
    return await Watch.#start(
      options,
      true,
      (tell) => new Attachment(tell),
      (attachment) => attachment!.launch(words, followOptions(options)),
    );
  }

  static async #start<Use extends AttachmentUse>(
    options: WatchOptions,
    launched: boolean,
    use: (tell: (event: FollowEvent) => void) => Use,
    begin: (attachment: Use | undefined) => Promise<number>,
  ): Promise<Watch> {
    const store = new DumpStore({
      ...options.dumps,
      onDump: options.onDump,
      onProblem: (text) => options.onEvent?.({ event: 'problem', text }),
    });
    const early: FollowEvent[] = [];
    let watch: Watch | undefined;
    const attachment =
      launched || needsAttachment(options)
        ? use((event) => void (watch === undefined ? early.push(event) : watch.#happened(event)))
        : undefined;
    try {
      const pid = await begin(attachment);
      watch = new Watch(options, store, attachment, pid, early, launched);
      return watch;
    } catch (error) {
      attachment?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether the watcher is attached to the process: then no other debugger can be. */
  get attached(): boolean {
    return this.#attachment !== undefined && !this.#released.has(this.pid);
  }

  /** Absolute path of the folder where the dumps go. */
  get folder(): string {
    return this.#store.folder;
  }

  /**
   * Dumps the process now, into the folder. Undefined where a limit or the pace forbids it.
   *
   * @param contents what goes into this dump beside what goes into all
   */
  async dump(
    text = 'a dump was asked for',
    trigger = 'request',
    contents: Pick<WriteMinidumpOptions, 'comment' | 'userStreams'> = {},
  ): Promise<StoredDump | undefined> {
    return await this.#dump(this.#occasion(this.pid, trigger, text), undefined, contents);
  }

  /**
   * Dumps a watched process for somebody else: to another place, with other contents, outside of limits.
   *
   * @param pid the process or one of its children that is watched
   */
  async dumpTo(
    pid: number,
    destination: Destination | null | undefined,
    options: WriteMinidumpOptions,
  ): Promise<FileDumpReport> {
    return await this.#write(pid, destination, options, undefined);
  }

  /** Whether a process is one of those that are watched. */
  watches(pid: number): boolean {
    return pid === this.pid || this.#conditions.has(pid);
  }

  /** Lets other debuggers trace the process; conditions that need nobody attached go on. */
  async release(pid = this.pid): Promise<void> {
    if (this.#attachment === undefined || this.#released.has(pid)) return;
    this.#released.add(pid);
    await this.#attachment.detach(pid);
    if ((this.#options.triggers ?? []).length === 0) this.#tryConditions(pid);
    this.#tell({ event: 'released', pid });
  }

  /** Attaches again after `release`. @throws MinidumpError `already-traced` and what else stands in the way */
  async resume(pid = this.pid): Promise<void> {
    if (this.#attachment === undefined || !this.#released.has(pid)) return;
    await this.#attachment.attach(pid, followOptions(this.#options));
    this.#released.delete(pid);
    this.#tell({ event: 'attached', pid });
  }

  /** Ends the watch; the process runs on. What is being written is finished. */
  async close(): Promise<void> {
    this.#finish('closed');
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tell(event: WatchEvent): void {
    this.#options.onEvent?.(event);
  }

  #watchConditions(pid: number): void {
    const { triggers = [], pollMs, dumps } = this.#options;
    this.#conditions.get(pid)?.[Symbol.dispose]();
    // Without any, who is attached hears of the end in another way.
    if (triggers.length === 0 && this.#attachment !== undefined && !this.#released.has(pid)) {
      this.#conditions.set(pid, { [Symbol.dispose]() {} });
      return;
    }
    const conditions = watchConditions(
      pid,
      triggers,
      {
        fire: (firing) => this.#fired(pid, firing),
        ended: () => this.#processEnded(pid, undefined),
        problem: (text) => this.#tell({ event: 'problem', text }),
      },
      { pollMs, rearmMs: dumps?.spacing },
    );
    this.#conditions.set(pid, conditions);
  }

  #fired(pid: number, { trigger, text, time }: Firing): void {
    void this.#dump({ ...this.#occasion(pid, trigger, text), time }, undefined);
  }

  #happened(event: FollowEvent): void {
    switch (event.kind) {
      case 'signal': {
        const { pid, signal, fatal, at, first } = event;
        const moment = first ?? at;
        const crash = fatal ? crashOf(moment) : undefined;
        const name = signalName(signal);
        const text = crash === undefined ? `the process gets ${name}` : crashText(crash, name);
        this.#heldDump(this.#occasion(pid, fatal ? 'crash' : 'signal', text, crash), moment);
        break;
      }
      case 'exiting':
        this.#heldDump(
          this.#occasion(event.pid, 'exit', `the process ends with the code ${event.code}`),
          undefined,
        );
        break;
      case 'forked':
        this.#tell({ event: 'child', pid: event.child, parent: event.pid });
        this.#tryConditions(event.child);
        break;
      case 'executed':
        this.#tell({ event: 'executed', pid: event.pid });
        break;
      case 'stopped':
        this.#tell({ event: 'stopped', pid: event.pid });
        break;
      case 'ended':
        this.#processEnded(event.pid, { code: event.code, signal: event.signal });
        break;
      case 'lost':
        this.#lost(event.why);
        break;
      case 'expired':
        this.#tell({ event: 'problem', text: `process ${event.pid} was held for too long, and goes on` });
    }
  }

  /** A bug of ours; the process goes on, and conditions are still watched. */
  #lost(why: string): void {
    for (const pid of this.#conditions.keys()) this.#released.add(pid);
    this.#tell({ event: 'problem', text: `crashes are not watched any more: ${why}` });
    if (!this.#launched && (this.#options.triggers ?? []).length === 0) this.#finish('closed');
  }

  #tryConditions(pid: number): void {
    try {
      this.#watchConditions(pid);
    } catch {
      // It has ended already.
    }
  }

  /** A dump of a process that is held for it. */
  #heldDump(occasion: DumpOccasion, moment: ThreadMoment | undefined): void {
    const { crash = true } = this.#options;
    const wanted = occasion.trigger !== 'crash' || crash;
    const done = () => this.#attachment!.proceed(occasion.pid);
    if (!wanted) done();
    else void this.#dump({ ...occasion, held: true }, moment).finally(done);
  }

  /** Never rejects. */
  async #dump(
    occasion: DumpOccasion,
    moment: ThreadMoment | undefined,
    contents: WriteMinidumpOptions = {},
  ): Promise<StoredDump | undefined> {
    const reason = this.#store.refusal(occasion);
    const { pid, held } = occasion;
    try {
      const options = held === true ? this.#heldOptions() : dumpOptions(this.#options);
      const stored = await this.#store.store(occasion, (file, output) =>
        this.#write(pid, file, { ...options, ...contents, ...output }, moment),
      );
      if (stored !== undefined) this.#tell({ event: 'dump', dump: stored });
      else if (!this.#store.exhausted)
        this.#tell({ event: 'left-out', occasion, reason: reason ?? 'there was a dump just now' });
      if (this.#store.exhausted && !this.#launched) this.#finish('limit');
      return stored;
    } catch (error) {
      this.#tell({ event: 'failed', occasion, error });
      return undefined;
    }
  }

  /** It stands still already, and will not go on: a copy of its memory would be a detour. */
  #heldOptions(): WriteMinidumpOptions {
    return { ...dumpOptions(this.#options), snapshot: 'never', maxPause: pauseOf(this.#options) };
  }

  async #write(
    pid: number,
    destination: Destination | null | undefined,
    options: WriteMinidumpOptions,
    moment: ThreadMoment | undefined,
  ): Promise<FileDumpReport> {
    const attachment = this.#released.has(pid) ? undefined : this.#attachment;
    if (attachment !== undefined) return await writeAttached(attachment, pid, destination, options, moment);
    return { file: '', ...(await writeMinidump(pid, destination, options)) };
  }

  #occasion(pid: number, trigger: string, text: string, crash?: OccasionCrash): DumpOccasion {
    const name = readText(`/proc/${pid}/comm`)?.replace(/\n$/, '') ?? '';
    return { pid, name, trigger, text, time: new Date(), crash };
  }

  #processEnded(pid: number, exit: ProcessExit | undefined): void {
    // To whom is attached, and to a parent, the kernel tells how it ended; conditions only see that it is gone.
    const isTold = this.#attachment !== undefined && !this.#released.has(pid);
    if (exit === undefined && (isTold || (this.#launched && pid === this.pid))) return;
    const conditions = this.#conditions.get(pid);
    if (conditions === undefined) return;
    this.#conditions.delete(pid);
    conditions[Symbol.dispose]();
    this.#released.delete(pid);
    this.#tell({ event: 'ended', pid, exit });
    if (pid !== this.pid) return;
    this.#exit = exit;
    this.#finish('ended');
  }

  #finish(reason: WatchEnd['reason']): void {
    const over = this.#over;
    if (over === undefined) return;
    this.#over = undefined;
    for (const conditions of this.#conditions.values()) conditions[Symbol.dispose]();
    this.#conditions.clear();
    void this.#store.idle().then(() => {
      this.#attachment?.[Symbol.dispose]();
      over({ reason, exit: this.#exit });
    });
  }
}

/** Conditions alone need nobody attached. */
function needsAttachment({
  crash = true,
  signals = [],
  exitCodes = [],
  children = false,
}: WatchOptions): boolean {
  return crash || signals.length > 0 || exitCodes.length > 0 || children;
}

function followOptions(options: WatchOptions) {
  const { children = false, signals = [], exitCodes = [] } = options;
  return { children, signals, exitCodes, patience: pauseOf(options) };
}

function pauseOf({ maxCrashPause = MAX_CRASH_PAUSE }: WatchOptions): number {
  if (!(maxCrashPause > 0)) throw new MinidumpError('invalid-argument', 'maxCrashPause must be more than 0');
  return maxCrashPause;
}

/** What of the options of a watch is said to each dump. */
function dumpOptions(options: WatchOptions): WriteMinidumpOptions {
  const { type, callback, callbacks, comment, maxPause, maxStack, spool, snapshot, onProgress } = options;
  return {
    type,
    callback,
    callbacks,
    comment,
    maxPause,
    maxStack,
    spool,
    snapshot,
    onProgress,
  } as WriteMinidumpOptions;
}

/** From siginfo_t: si_signo, si_code, and si_addr, which is there for faults. */
function crashOf({ tid, siginfo }: ThreadMoment): OccasionCrash {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  const signal = view.getInt32(0, true);
  const code = view.getInt32(8, true);
  const address = code > 0 && FAULTS.has(signal) ? view.getBigUint64(16, true) : 0n;
  return { signal, signalName: signalName(signal), code, address, thread: tid };
}

/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV. */
const FAULTS = new Set([4, 5, 7, 8, 11]);
/** si_code: the kernel cannot tell the address. */
const SI_KERNEL = 0x80;

function crashText({ signal, signalName: name, code, address, thread }: OccasionCrash, last: string): string {
  const known = FAULTS.has(signal) && code > 0 && code < SI_KERNEL;
  const where = known ? ` at 0x${address.toString(16)}` : '';
  const then = name === last ? '' : `, then ${last}`;
  return `${name}${where} in thread ${thread}${then}`;
}
