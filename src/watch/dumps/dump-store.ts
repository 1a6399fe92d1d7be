import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OutputOptions } from '../../node/output.js';
import type { FileDumpReport } from '../../targets/linux/write-minidump.js';
import { DumpFolder } from './dump-folder.js';
import { isDiskFull, isOfCompressing, isOutputFailure, isQuota, mayPass } from './failures.js';
import { Hooks } from './hooks.js';
import { NameTemplate } from './name-template.js';
import { type DumpOccasion, isUrgent, type StoredDump } from './occasion.js';
import { checkedOptions, type DumpStoreOptions } from './options.js';
import { Pace } from './pace.js';
import { PaceFile } from './pace-file.js';
import { freeDisk, isLimited, keepLimits, makeRoom, type Room } from './room.js';

/**
 * Makes the dump: `writeMinidump(pid, file, { …, ...output })`, or what else ends in a FileSink. The file has another name than was
 * said if that was taken; the report has it.
 */
export type WriteDump = (file: string, output: OutputOptions) => Promise<FileDumpReport>;

export interface StoreHints {
  /** About how many bytes the dump will have; else that of the last one of the same name is taken. */
  readonly expectedBytes?: number | undefined;
}

const FIRST_WAIT = 1000;
const WAIT_FACTOR = 4;

/** One dump on its way. */
interface Attempt {
  readonly occasion: DumpOccasion;
  readonly write: WriteDump;
  readonly expected: number | undefined;
  compress: 'zstd' | undefined;
  count: number;
  readonly room: Room;
}

/**
 * Where the dumps of a watcher go. One dump is written at a time; what is due meanwhile waits for its turn. Several stores, in several
 * processes, may share a folder.
 */
export class DumpStore implements AsyncDisposable {
  readonly #options: ReturnType<typeof checkedOptions>;
  readonly #template: NameTemplate;
  readonly #folder: DumpFolder;
  readonly #pace: Pace;
  readonly #hooks: Hooks | undefined;
  readonly #end = new AbortController();
  /** Of each name, the bytes of the last dump. */
  readonly #sizes = new Map<string, number>();
  /** The calls of `store` that are not answered. */
  readonly #open = new Set<Promise<unknown>>();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Makes the folder, so that what is wrong with it shows now and not at the first dump.
   *
   * @throws MinidumpError `invalid-argument`, `output-folder`, `output-denied`, `disk-full`, `write-failed`
   */
  constructor(given: DumpStoreOptions = {}) {
    const options = checkedOptions(given);
    const { folder, spacing, limit = Number.POSITIVE_INFINITY, backOff, onDump, hookTimeout } = options;
    this.#options = options;
    this.#template = new NameTemplate(options.template, options.compress !== undefined);
    this.#folder = new DumpFolder(folder, this.#template);
    this.#folder.tryOut();
    const file = backOff === undefined ? undefined : new PaceFile(this.#folder.path);
    this.#pace = new Pace({ spacing, limit, backOff, file });
    const problem = given.onProblem ?? ((text) => process.emitWarning(text));
    this.#hooks = onDump === undefined ? undefined : new Hooks(onDump, hookTimeout, problem);
  }

  /** Absolute path of the folder. */
  get folder(): string {
    return this.#folder.path;
  }

  /** `limit` dumps are there: no occasion will get another one. */
  get exhausted(): boolean {
    return this.#pace.exhausted;
  }

  /** Why an occasion would get no dump now, for people; undefined if it would. */
  refusal(occasion: DumpOccasion): string | undefined {
    return this.#pace.refusal(occasion);
  }

  /**
   * Has a dump made of what happened. The hook is called afterwards, and not waited for.
   *
   * A dump that can wait is tried again after a while where its failure may pass. The dump of a crash is not: the program stands still
   * for it. It is tried once more at once: in the same folder if room could be made there, else in `fallback`; uncompressed, if that is
   * what failed.
   *
   * @returns undefined where the limit, the spacing or the back-off forbid it; `refusal` would have said why
   * @throws MinidumpError the failure of the last attempt
   */
  store(occasion: DumpOccasion, write: WriteDump, hints: StoreHints = {}): Promise<StoredDump | undefined> {
    const stored = this.#store(occasion, write, hints);
    this.#open.add(stored);
    const done = () => this.#open.delete(stored);
    stored.then(done, done);
    return stored;
  }

  /** Resolves when no dump is under way and no hook runs or waits. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
    await this.#hooks?.idle();
  }

  /** For the end of a watcher that is told to end: nothing is tried again, and hooks are ended. What is being written is finished. */
  cancel(): void {
    this.#end.abort();
    this.#hooks?.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.idle();
  }

  async #store(occasion: DumpOccasion, write: WriteDump, hints: StoreHints): Promise<StoredDump | undefined> {
    const expected = hints.expectedBytes ?? this.#sizes.get(occasion.name);
    const room = { removed: [], warnings: [] };
    const { compress } = this.#options;
    const attempt: Attempt = { occasion, write, expected, compress, count: 0, room };
    if (isUrgent(occasion)) return await this.#inTurn(() => this.#begin(attempt, () => this.#crash(attempt)));
    let wait = FIRST_WAIT;
    for (let retries = this.#options.retries; ; retries--) {
      try {
        return await this.#inTurn(() =>
          attempt.count === 0 ? this.#begin(attempt, () => this.#makingRoom(attempt)) : this.#again(attempt),
        );
      } catch (error) {
        if (retries <= 0 || !mayPass(error) || !(await this.#sleep(wait))) throw error;
        wait *= WAIT_FACTOR;
      }
    }
  }

  async #begin({ occasion }: Attempt, make: () => Promise<StoredDump>): Promise<StoredDump | undefined> {
    if (this.#pace.refusal(occasion) !== undefined) {
      this.#pace.leaveOut(occasion);
      return undefined;
    }
    this.#pace.begin(occasion);
    return await make();
  }

  async #again(attempt: Attempt): Promise<StoredDump | undefined> {
    if (!this.exhausted) return await this.#makingRoom(attempt);
    // Others were, while this one waited.
    this.#pace.leaveOut(attempt.occasion);
    return undefined;
  }

  async #crash(attempt: Attempt): Promise<StoredDump> {
    try {
      return await this.#write(attempt, this.#folder);
    } catch (error) {
      if (this.#options.compress !== undefined && isOfCompressing(error)) {
        attempt.room.warnings.push(`not compressed: ${error.message}`);
        attempt.compress = undefined;
        return await this.#write(attempt, this.#folder);
      }
      if (!isOutputFailure(error)) throw error;
      if (this.#freed(attempt, error)) return await this.#write(attempt, this.#folder);
      const { fallback = tmpdir() } = this.#options;
      if (fallback === false) throw error;
      const other = new DumpFolder(fallback, this.#template);
      if (other.path === this.#folder.path || (isDiskFull(error) && other.isBeside(this.#folder)))
        throw error;
      attempt.room.warnings.push(`not in ${this.#folder.path}: ${error.message}`);
      try {
        return await this.#write(attempt, other);
      } catch {
        throw error; // what is wrong with the folder is what has to be put right
      }
    }
  }

  async #makingRoom(attempt: Attempt): Promise<StoredDump> {
    try {
      return await this.#write(attempt, this.#folder);
    } catch (error) {
      if (!this.#freed(attempt, error)) throw error;
      return await this.#write(attempt, this.#folder);
    }
  }

  /** Room on a disk that was full; only where somebody has said, by a limit, that old dumps may go. */
  #freed({ expected, room }: Attempt, error: unknown): boolean {
    if (!isDiskFull(error) || !isLimited(this.#options)) return false;
    let free = 0;
    try {
      if (!isQuota(error)) free = this.#folder.free();
    } catch {} // then as if there were nothing
    const { removed, warnings } = freeDisk(this.#folder, expected, free);
    add(room, { removed, warnings });
    return removed.length > 0;
  }

  async #write(attempt: Attempt, folder: DumpFolder): Promise<StoredDump> {
    const { occasion, write, expected, compress, room } = attempt;
    const { maxBytes, overwrite } = this.#options;
    attempt.count++;
    folder.prepare();
    add(room, makeRoom(folder, this.#options, expected));
    const name = this.#template.name(occasion, this.#pace.stored + 1);
    // Its name would lie.
    const plain = compress === this.#options.compress ? name : name.replace(/\.zst$/i, '');
    const file = join(folder.path, plain);
    const report = await write(file, { force: overwrite, unique: !overwrite, compress });
    const bytes = report.compressedSize ?? report.size;
    const leftOut = this.#pace.finish(occasion);
    if (report.file !== '') {
      this.#sizes.set(occasion.name, bytes);
      add(room, keepLimits(folder, this.#options));
      if (maxBytes !== undefined && bytes > maxBytes) {
        room.warnings.push(
          `the dump alone has ${bytes} bytes, more than the ${maxBytes} that all may have: it is kept until the next`,
        );
      }
    }
    const { removed } = room;
    const warnings = [...room.warnings, ...report.warnings];
    const count = attempt.count;
    const dump = { file: report.file, bytes, occasion, pause: report.pauseMs, attempts: count, leftOut };
    const stored = { ...dump, removed, warnings, report };
    this.#hooks?.add(stored);
    return stored;
  }

  /** One after the other. */
  async #inTurn<T>(make: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(make);
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  /** @returns whether it slept: not if the watcher ends */
  #sleep(milliseconds: number): Promise<boolean> {
    const { signal } = this.#end;
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wake = (slept: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        resolve(slept);
      };
      const abort = () => wake(false);
      const timer = setTimeout(() => wake(true), milliseconds);
      signal.addEventListener('abort', abort);
    });
  }
}

function add(room: Room, { removed, warnings }: Room): void {
  room.removed.push(...removed);
  room.warnings.push(...warnings);
}
