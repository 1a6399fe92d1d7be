import type { StoredLink, StoredPiece } from '../../dump/index.js';
import { MINIDUMP_STRING } from '../../format/index.js';
import { checkRange, MinidumpError, type Task } from '../../io/index.js';
import type { Minidump } from '../../reader/index.js';
import { type Location, readParts } from '../../reader/parts.js';

/** Bytes of the file that are carried into the new one. */
export interface Piece extends StoredPiece {
  links: StoredLink[];
  /** From where on it may hold text; undefined where it is numbers only, whose meaning would be lost with them. */
  textFrom: number | undefined;
  /** What it points to is in `links`. */
  linked: boolean;
}

/**
 * As in the reader: pieces lie side by side in a sound file, so that all together they are no longer than it. A file that
 * points to the same megabyte a million times in a million ways gets this many times its own size.
 */
const SHARING = 4;

/** In the order of MINIDUMP_LOCATION_DESCRIPTOR. */
const RVA_OF_LOCATION = 4;

/** Takes pieces out of a dump, each once: what was shared is shared. What cannot be had is counted, and named in a note. */
export class Pieces {
  readonly dump: Minidump;
  readonly #known = new Map<string, Piece>();
  readonly #strings = new Map<number, Piece | undefined>();
  readonly #lost = new Map<string, number>();
  #left: number;

  constructor(dump: Minidump) {
    this.dump = dump;
    this.#left = dump.source.size * SHARING;
  }

  /** One line for each kind of reference that led nowhere. */
  get notes(): string[] {
    return [...this.#lost].map(
      ([what, count]) =>
        `${what}: ${count === 1 ? 'a reference leads' : `${count} references lead`} out of the file or to more than it can hold; zero in the new dump`,
    );
  }

  /** The pieces at these places. An empty one, or one that cannot be had, is undefined. */
  *take(
    what: string,
    locations: readonly Location[],
    alignment = 4,
    textFrom: number | undefined = undefined,
  ): Task<(Piece | undefined)[]> {
    const wanted = new Map<string, Location>();
    for (const location of locations) {
      const key = keyOf(location);
      if (location.size > 0 && !this.#known.has(key)) wanted.set(key, location);
    }
    const all = [...wanted].filter(([, { rva, size }]) => this.#affords(what, rva, size));
    const parts = yield* readParts(
      this.dump,
      what,
      all.map(([, location]) => location),
      this.dump.source.size,
    );
    all.forEach(([key], i) => {
      const bytes = parts[i]!;
      if (bytes instanceof MinidumpError) this.lose(what);
      else this.#known.set(key, { bytes, alignment, links: [], textFrom, linked: false });
    });
    return locations.map((location) => this.#known.get(keyOf(location)));
  }

  /** Bounds what is taken in all. */
  #affords(what: string, rva: number, size: number): boolean {
    try {
      checkRange(what, rva, size, this.dump.source.size);
    } catch {
      this.lose(what);
      return false;
    }
    if (size > this.#left) {
      this.lose(what);
      return false;
    }
    this.#left -= size;
    return true;
  }

  lose(what: string): void {
    this.#lost.set(what, (this.#lost.get(what) ?? 0) + 1);
  }

  /**
   * Texts that begin with their length in bytes: MINIDUMP_STRING with a NUL of two bytes behind it, Crashpad's MinidumpUTF8String
   * with one of one byte, MinidumpByteArray with none.
   */
  *counted(what: string, rvas: readonly number[], terminator: 0 | 1 | 2): Task<(Piece | undefined)[]> {
    const { size: fileSize } = this.dump.source;
    const fresh = [...new Set(rvas)].filter((rva) => !this.#strings.has(rva));
    const heads = yield* readParts(
      this.dump,
      what,
      fresh.map((rva) => ({ rva, size: MINIDUMP_STRING.size })),
      MINIDUMP_STRING.size,
    );
    const locations = fresh.map((rva, i) => {
      const head = heads[i]!;
      if (head instanceof MinidumpError) return { rva, size: fileSize + 1 };
      const { Length } = MINIDUMP_STRING.decode(head, 0, this.dump.littleEndian);
      const size = MINIDUMP_STRING.size + Length;
      return { rva, size: rva + size + terminator <= fileSize ? size + terminator : size };
    });
    const pieces = yield* this.take(what, locations, 4, MINIDUMP_STRING.size);
    fresh.forEach((rva, i) => {
      const piece = pieces[i];
      if (piece !== undefined && terminator > 0) this.#withoutStray(piece);
      this.#strings.set(rva, piece);
    });
    return rvas.map((rva) => this.#strings.get(rva));
  }

  /** Behind a text that has no NUL stands something else, which is not to come along. */
  #withoutStray(piece: Piece): void {
    const { Length } = MINIDUMP_STRING.decode(piece.bytes, 0, this.dump.littleEndian);
    const end = MINIDUMP_STRING.size + Length;
    if (piece.bytes.subarray(end).some((byte) => byte !== 0)) piece.bytes = piece.bytes.subarray(0, end);
  }

  strings(what: string, rvas: readonly number[]): Task<(Piece | undefined)[]> {
    return this.counted(what, rvas, 2);
  }
}

const keyOf = ({ rva, size }: Location) => `${rva}:${size}`;

/** Makes `at` of a piece an RVA of another, or none. */
export function link(piece: Piece, at: number, width: 4 | 8, to: Piece | undefined): void {
  piece.bytes.fill(0, at, at + width);
  if (to !== undefined) piece.links.push({ at, width, to });
}

/** The same for a MINIDUMP_LOCATION_DESCRIPTOR; its size stays, unless it leads nowhere. */
export function linkLocation(piece: Piece, at: number, to: Piece | undefined): void {
  if (to === undefined) piece.bytes.fill(0, at, at + RVA_OF_LOCATION);
  link(piece, at + RVA_OF_LOCATION, 4, to);
}
