import { MinidumpError } from '../io/index.js';
import { signalName } from '../linux/signals.js';
import type { Destination } from '../node/destination.js';
import { linuxOnly } from '../node/linux-only.js';
import type { ThreadMoment } from '../targets/linux/attached/attached-protocol.js';
import { Attachment, type FollowEvent } from '../targets/linux/attached/attachment.js';
import type { AttachmentUse, SharedAttachment } from '../targets/linux/attached/shared-attachment.js';
import { collectChild } from '../targets/linux/attached/spawn.js';
import { readText } from '../targets/linux/procfs.js';
import {
  type FileDumpReport,
  type WriteMinidumpOptions,
  writeMinidump,
} from '../targets/linux/write-minidump.js';
import { AttachedProcesses, noneAttached } from './attached-processes.js';
import { crashOf, crashText } from './crash.js';
import { dumpOptions, followOptions, needsAttachment, pauseOf } from './derived-options.js';
import { type DumpOccasion, DumpStore, type OccasionCrash, type StoredDump } from './dumps/index.js';
import type { ProcessExit, WatchEnd, WatchEvent, WatchOptions } from './options.js';
import type { WatchedReport } from './socket/protocol.js';
import { type Entrance, openEntrance, type ServedWatch } from './socket/server.js';
import { type Firing, watchConditions } from './triggers/index.js';

/**
 * Watches a process until it ends, and dumps it when something happens to it. It starts with `watchProcess` or `runWatched`.
 *
 * The process goes on as if nobody watched: its signals, exit status, core file and handlers are its own.
 */
export class Watch implements ServedWatch, AsyncDisposable {
  /** Of the process, or the first one. */
  readonly pid: number;
  /** Resolves when the watch is over, with all dumps and hooks done. */
  readonly ended: Promise<WatchEnd>;
  readonly #options: WatchOptions;
  readonly #store: DumpStore;
  readonly #attached: AttachedProcesses | undefined;
  /** The conditions of each process. */
  readonly #conditions = new Map<number, Disposable>();
  readonly #entrance: Entrance | undefined;
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
    entrance: Entrance | undefined,
  ) {
    this.#launched = launched;
    this.#entrance = entrance;
    this.#options = options;
    this.#store = store;
    this.#attached =
      attachment &&
      new AttachedProcesses(
        attachment,
        followOptions(options),
        (one) => this.#over !== undefined && this.watches(one),
      );
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
    entrance?.open(this);
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
    linuxOnly('watching a process');
    const store = new DumpStore({
      ...options.dumps,
      onDump: options.onDump,
      onProblem: (text) => options.onEvent?.({ event: 'problem', text }),
    });
    const early: FollowEvent[] = [];
    let watch: Watch | undefined;
    // Before anybody is attached, so that nobody finds a process taken and no way to its watcher.
    const entrance = options.socket === false ? undefined : await entranceFor(options);
    const attachment =
      launched || needsAttachment(options)
        ? use((event) => void (watch === undefined ? early.push(event) : watch.#happened(event)))
        : undefined;
    try {
      const pid = await begin(attachment);
      watch = new Watch(options, store, attachment, pid, early, launched, entrance);
      return watch;
    } catch (error) {
      attachment?.[Symbol.dispose]();
      await entrance?.close();
      throw error;
    }
  }

  /** Whether the watcher is attached to the process: then no other debugger can be. */
  get attached(): boolean {
    return this.#isAttached(this.pid);
  }

  #isAttached(pid: number): boolean {
    return this.#attached?.has(pid) === true;
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
    return await this.#write(pid, destination, options, undefined, false);
  }

  /** The processes that are watched now. */
  get processes(): readonly { readonly pid: number; readonly state: WatchedReport['state'] }[] {
    const state = (pid: number) => {
      if (this.#attached === undefined) return 'conditions';
      return this.#attached.has(pid) ? 'attached' : 'released';
    };
    return [...this.#conditions.keys()].map((pid) => ({ pid, state: state(pid) }));
  }

  /** Whether a process is one of those that are watched. */
  watches(pid: number): boolean {
    return this.#conditions.has(pid);
  }

  /**
   * Lets other debuggers trace the process; conditions that need nobody attached go on. A dump that is being made of it is finished before.
   *
   * @throws MinidumpError `not-watched`, `watch-state` where nobody is attached
   */
  async release(pid = this.pid): Promise<void> {
    if (this.#attached === undefined) throw noneAttached(pid);
    await this.#attached.release(pid);
    this.#tell({ event: 'released', pid });
    this.#watchEnd(pid);
  }

  /**
   * Attaches again after `release`.
   *
   * @throws MinidumpError `not-watched`, `watch-state` where it was not released, `already-traced` while a debugger has it
   */
  async resume(pid = this.pid): Promise<void> {
    if (this.#attached === undefined) throw noneAttached(pid);
    await this.#attached.resume(pid);
    this.#tell({ event: 'attached', pid });
    this.#watchEnd(pid);
  }

  /** Somebody else tells of the end of a process from now on: who is attached, or who looks for conditions, also where there are none. */
  #watchEnd(pid: number): void {
    if ((this.#options.triggers ?? []).length > 0) return;
    this.#conditions.get(pid)?.[Symbol.dispose]();
    try {
      this.#watchConditions(pid);
    } catch {
      this.#processEnded(pid, undefined);
    }
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
    if (triggers.length === 0 && this.#isAttached(pid)) {
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
        this.#lost(event.error);
        break;
      case 'expired':
        this.#tell({ event: 'problem', text: `process ${event.pid} was held for too long, and goes on` });
    }
  }

  /** A bug of ours; the processes go on, and conditions are still watched. */
  #lost(error: MinidumpError): void {
    this.#tell({ event: 'problem', text: `${error.message}: crashes are not seen any more` });
    this.#attached?.lose();
    for (const pid of [...this.#conditions.keys()]) this.#watchEnd(pid);
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
    const { pid } = occasion;
    if (!wanted) this.#attached!.proceed(pid);
    else this.#attached!.hold(pid, this.#dump({ ...occasion, held: true }, moment));
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
        this.#write(pid, file, { ...options, ...contents, ...output }, moment, held === true),
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
    held: boolean,
  ): Promise<FileDumpReport> {
    const report = await this.#attached?.write(pid, destination, options, moment, held);
    if (report !== undefined) return report;
    return { file: '', ...(await writeMinidump(pid, destination, options)) };
  }

  #occasion(pid: number, trigger: string, text: string, crash?: OccasionCrash): DumpOccasion {
    const name = readText(`/proc/${pid}/comm`)?.replace(/\n$/, '') ?? '';
    return { pid, name, trigger, text, time: new Date(), crash };
  }

  #processEnded(pid: number, exit: ProcessExit | undefined): void {
    // To who is attached the kernel tells how it ended; conditions only see that it is gone.
    if (exit === undefined && this.#isAttached(pid)) return;
    const conditions = this.#conditions.get(pid);
    if (conditions === undefined) return;
    this.#conditions.delete(pid);
    conditions[Symbol.dispose]();
    this.#attached?.forget(pid);
    // Nobody was attached to see it: then its end is left to us, as its parent.
    const how = exit ?? (this.#launched && pid === this.pid ? collectChild(pid) : undefined);
    this.#tell({ event: 'ended', pid, exit: how });
    if (pid !== this.pid) return;
    this.#exit = how;
    this.#finish('ended');
  }

  #finish(reason: WatchEnd['reason']): void {
    const over = this.#over;
    if (over === undefined) return;
    this.#over = undefined;
    for (const conditions of this.#conditions.values()) conditions[Symbol.dispose]();
    this.#conditions.clear();
    void this.#end().then(() => over({ reason, exit: this.#exit }));
  }

  async #end(): Promise<void> {
    await this.#store.idle();
    await this.#attached?.end();
    await this.#entrance?.close();
  }
}

/** Undefined where there can be no socket: the watch goes on without. */
async function entranceFor({ onEvent }: WatchOptions): Promise<Entrance | undefined> {
  try {
    return await openEntrance();
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    onEvent?.({ event: 'problem', text: error.message });
    return undefined;
  }
}
