import { BytesSource, type Cache, MinidumpError, readRange, type Task } from '../../io/index.js';

/** What was learnt from a server, for the next time. */
export interface Note {
  /** What was asked for: keys of a cache are not unique for certain. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** `absent`: it does not have it. `wrong`: what it has is something else. `there`: it was there. */
  readonly what: 'absent' | 'wrong' | 'there';
}

/** Notes are small; anything larger is none. Bytes. */
const LIMIT = 64 * 1024;

/** Keeps notes in a cache, which may lose them. */
export class Notes {
  readonly #cache: Cache;
  readonly #expiry: number;

  /** @param expiry so long a note counts, in milliseconds */
  constructor(cache: Cache, expiry: number) {
    this.#cache = cache;
    this.#expiry = expiry;
  }

  *of(url: string): Task<Note | undefined> {
    const source = this.#cache.open(`note-${url}`);
    if (source === undefined) return undefined;
    using kept = source;
    if (kept.size > LIMIT) return undefined;
    try {
      const text = new TextDecoder().decode(yield* readRange(kept, 0, kept.size, 'note'));
      const note = JSON.parse(text) as Note;
      const age = Date.now() - note.time;
      // A time that is to come is of a clock that was wrong.
      return note.url === url && age >= 0 && age < this.#expiry ? note : undefined;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof MinidumpError) return undefined;
      throw error;
    }
  }

  add(url: string, what: Note['what']): void {
    const note: Note = { url, time: Date.now(), what };
    const bytes = new TextEncoder().encode(JSON.stringify(note));
    if (bytes.length <= LIMIT) this.#cache.store(`note-${url}`, [bytes]);
  }
}

/** A cache for as long as the program runs. */
export class MemoryNotes implements Cache {
  readonly #kept = new Map<string, Uint8Array>();

  open(key: string) {
    const bytes = this.#kept.get(key);
    return bytes && Object.assign(new BytesSource(bytes), { close() {}, [Symbol.dispose]() {} });
  }

  store(key: string, pieces: Iterable<Uint8Array>): void {
    const [first] = pieces;
    if (first !== undefined) this.#kept.set(key, first);
  }
}
