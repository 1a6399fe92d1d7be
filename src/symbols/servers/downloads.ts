import { concat } from '../../io/bytes.js';
import {
  awaited,
  type Cache,
  type Fetch,
  type FileStore,
  type FolderFile,
  MinidumpError,
  type NewFile,
  type Task,
} from '../../io/index.js';
import { BrokenParts } from '../../object/broken-parts.js';
import type { Candidate } from '../supplier.js';
import { MemoryNotes, Notes } from './notes.js';
import { shownUrl, TRANSFER_LIMITS, TransferFailure, type TransferLimits, transfer } from './transfer.js';
import { unpackCabinet } from './unpack-cabinet.js';

/** How far a download has come. */
export interface DownloadProgress {
  readonly url: string;
  /** Bytes. */
  readonly received: number;
  /** Bytes, where the server says it. */
  readonly total: number | undefined;
  /** It ended, one way or the other. */
  readonly done: boolean;
}

export interface DownloadsOptions {
  /** Without, nothing is fetched: what was fetched before is used. */
  readonly fetch?: Fetch | undefined;
  /** Keeps what servers did not have, for a while: they are not asked for it again. */
  readonly notes?: Cache | undefined;
  /** How long that is, in milliseconds: 10 minutes if nobody says otherwise. */
  readonly notesExpiry?: number | undefined;
  readonly limits?: Partial<TransferLimits> | undefined;
  /** How many transfers there may be at once. */
  readonly parallel?: number | undefined;
  readonly progress?: ((progress: DownloadProgress) => void) | undefined;
}

const PARALLEL = 6;
const NOTES_EXPIRY = 10 * 60 * 1000;
/** After so many failures in a row a server is not asked any more: each has cost some tries, and a time to wait for. */
const MOST_FAILURES = 2;

/** Files of which only their being there counts are small. Bytes. */
const SMALL = 1 << 20;

/** What all servers have in common: how files are fetched, how many at once, and what is known not to be there. */
export class Downloads {
  readonly isOffline: boolean;
  readonly #fetch: Fetch | undefined;
  readonly #notes: Notes;
  readonly #limits: TransferLimits;
  readonly #progress: ((progress: DownloadProgress) => void) | undefined;
  /** Of each server in a row, and what the first of them was. */
  readonly #failures = new Map<string, number>();
  readonly #first = new Map<string, string>();
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor({ fetch, notes, notesExpiry, limits, parallel, progress }: DownloadsOptions = {}) {
    this.isOffline = fetch === undefined;
    this.#fetch = fetch;
    this.#notes = new Notes(notes ?? new MemoryNotes(), notesExpiry ?? NOTES_EXPIRY);
    this.#limits = { ...TRANSFER_LIMITS, ...limits };
    this.#progress = progress;
    this.#free = parallel ?? PARALLEL;
  }

  /** What went wrong with servers: of each the first failure. */
  get failures(): string[] {
    return [...this.#first.values()];
  }

  /**
   * A file, to be put into a store once it was found to be the right one. Undefined where the server does not have it; fails with a
   * MinidumpError where that cannot be told, or where it had a wrong one a while ago.
   *
   * @param path of the file in the store
   * @param isCabinet it is fetched in a cabinet, and kept without
   */
  *file(url: string, store: FileStore, path: string, isCabinet = false): Task<Candidate | undefined> {
    if (yield* this.#isNoted(url)) return undefined;
    let fresh: NewFile | undefined;
    try {
      if (!(yield* awaited(this.#get(url, () => (fresh = store.create()))))) return undefined;
      if (isCabinet) {
        using packed = fresh!.read(path);
        const unpacked = yield* this.#unpacked(url, packed, store);
        fresh!.discard();
        fresh = unpacked;
      }
      const file = fresh!;
      fresh = undefined;
      const verified = (isRight: boolean) => {
        if (isRight) file.keep(path);
        else {
          this.#notes.add(url, 'wrong');
          file.discard();
        }
      };
      return { file: file.read(path), url: shownUrl(url), verified };
    } finally {
      fresh?.discard();
    }
  }

  *#unpacked(url: string, packed: FolderFile, store: FileStore): Task<NewFile> {
    // What the disk says that it is written to is no fault of the file: that is thrown on.
    const parts = new BrokenParts();
    const file = yield* parts.attempt(unpackCabinet(packed, store, this.#limits.maxSize));
    if (file !== undefined) return file;
    this.#notes.add(url, 'wrong');
    const why = parts.problems[0]?.message ?? 'it is no cabinet';
    throw new MinidumpError('malformed', `${shownUrl(url)}: ${why}`);
  }

  /** A short text; undefined where the server has none. */
  *text(url: string, limit: number): Task<Uint8Array | undefined> {
    if (yield* this.#isNoted(url)) return undefined;
    let pieces: Uint8Array[] = [];
    const receive = () => {
      pieces = [];
      return {
        write(bytes: Uint8Array) {
          pieces.push(bytes.slice());
        },
      };
    };
    if (!(yield* awaited(this.#get(url, receive, limit)))) return undefined;
    return concat(pieces);
  }

  /** Whether a server has a file, whatever is in it. */
  *exists(url: string): Task<boolean> {
    const note = yield* this.#notes.of(url);
    if (note !== undefined) return note.what === 'there';
    const isThere = (yield* this.text(url, SMALL)) !== undefined;
    if (isThere) this.#notes.add(url, 'there');
    return isThere;
  }

  *#isNoted(url: string): Task<boolean> {
    const note = yield* this.#notes.of(url);
    if (note?.what !== 'wrong') return note?.what === 'absent';
    const minutes = Math.round((Date.now() - note.time) / 60_000);
    throw new MinidumpError(
      'input-unreadable',
      `${shownUrl(url)}: what it gave ${minutes} minutes ago was not the file; it is not asked again yet`,
    );
  }

  async #get(
    url: string,
    create: () => { write(bytes: Uint8Array): void; discard?(): void },
    maxSize = this.#limits.maxSize,
  ): Promise<boolean> {
    const fetch = this.#fetch;
    if (fetch === undefined) return false;
    const origin = /^https?:\/\/[^/]*/i.exec(url)?.[0] ?? url;
    await this.#turn();
    let into: ReturnType<typeof create> | undefined;
    let received = 0;
    let total: number | undefined;
    const tell = (done: boolean) => this.#progress?.({ url: shownUrl(url), received, total, done });
    try {
      if ((this.#failures.get(origin) ?? 0) >= MOST_FAILURES)
        throw new MinidumpError(
          'input-unreadable',
          `${shownUrl(origin)}: it failed before, and is not asked any more`,
        );
      const receiver = {
        start: (bytes: number | undefined) => {
          into?.discard?.();
          into = create();
          received = 0;
          total = bytes;
          tell(false);
        },
        write: (bytes: Uint8Array) => {
          into!.write(bytes);
          received += bytes.length;
          tell(false);
        },
      };
      const isThere = await transfer(fetch, url, receiver, { ...this.#limits, maxSize });
      this.#failures.delete(origin);
      if (!isThere) this.#notes.add(url, 'absent');
      return isThere;
    } catch (error) {
      into?.discard?.();
      if (error instanceof TransferFailure) {
        this.#failures.set(origin, (this.#failures.get(origin) ?? 0) + 1);
        if (!this.#first.has(origin)) this.#first.set(origin, error.message);
      }
      throw error;
    } finally {
      if (into !== undefined) tell(true);
      this.#free++;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#free--;
  }
}
