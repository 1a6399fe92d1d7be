import type { ReadMemory } from '../../dump/target.js';
import { hex } from '../../io/bytes.js';
import { readRange, type Source, type Task } from '../../io/index.js';
import {
  type ElfImage,
  type ImageReader,
  PF_W,
  PT_LOAD,
  readBuildId,
  readElfImage,
} from '../../object/elf.js';
import type { CoreMapping } from './mappings.js';

/**
 * Opens a file of the machine that the core is of, by the absolute path that the process knew it by. Undefined where there is
 * none. The target closes it if it can be disposed.
 */
export type OpenFile = (path: string) => (Source & Partial<Disposable>) | undefined;

/** The file of a module, known to be the one that the process had mapped. */
export interface ModuleFile {
  source: Source;
  image: ElfImage;
  /** By the build id, rather than only for want of anything against it. */
  verified: boolean;
}

const PAGE = 4096n;

/**
 * The files that the process had mapped, where they can be had. A file is used only if it is an ELF image with the build id that
 * the core has in its own copy of the image's first page; a core without that page is believed if `trusting`.
 */
export class ModuleFiles implements Disposable {
  readonly #open: OpenFile | undefined;
  readonly #trusting: boolean;
  readonly #readCore: ReadMemory;
  readonly #files = new Map<string, ModuleFile | undefined>();
  readonly #opened: Partial<Disposable>[] = [];
  readonly #used = new Map<string, ModuleFile>();
  readonly #refused: string[] = [];

  /** @param readCore reads what the core itself has */
  constructor(open: OpenFile | undefined, trusting: boolean, readCore: ReadMemory) {
    this.#open = open;
    this.#trusting = trusting;
    this.#readCore = readCore;
  }

  *find(mapping: CoreMapping): Task<ModuleFile | undefined> {
    const { path, base, deleted } = mapping;
    if (this.#open === undefined || base === undefined || deleted || !path.startsWith('/')) return undefined;
    // Two images of one path are two builds, if the file was replaced between them.
    const key = `${base} ${path}`;
    if (!this.#files.has(key)) this.#files.set(key, yield* this.#examine(path, base));
    return this.#files.get(key);
  }

  *#examine(path: string, base: bigint): Task<ModuleFile | undefined> {
    const source = this.#open!(path);
    if (source === undefined) return undefined;
    this.#opened.push(source);
    const image = yield* readElfImage(fromFile(source));
    if (image === undefined) return undefined;
    const readCore = this.#readCore;
    const fromCore: ImageReader = function* (offset, length) {
      const bytes = yield* readCore(base + offset, length);
      return bytes.length === 0 ? undefined : bytes;
    };
    const inCore = yield* readElfImage(fromCore);
    const wanted = inCore && (yield* readBuildId(inCore, fromCore));
    const found = yield* readBuildId(image, fromFile(source, image));
    if (wanted !== undefined) {
      if (found !== undefined && hex(found) === hex(wanted)) return { source, image, verified: true };
      this.#refused.push(
        `${path} is another build than the one in the core (build id ${found ? hex(found) : 'none'}, not ${hex(wanted)}); nothing was taken from it`,
      );
      return undefined;
    }
    return this.#trusting ? { source, image, verified: false } : undefined;
  }

  /** Rights of a mapping, PF_*, by the program headers of its image; undefined if they do not tell. */
  *rights(mapping: CoreMapping): Task<number | undefined> {
    const { base } = mapping;
    if (base === undefined) return undefined;
    const readCore = this.#readCore;
    const inCore = yield* readElfImage(function* (offset, length) {
      const bytes = yield* readCore(base + offset, length);
      return bytes.length === 0 ? undefined : bytes;
    });
    const image = inCore ?? (yield* this.find(mapping))?.image;
    return image && segmentAt(image, mapping.start - base)?.flags;
  }

  /**
   * How much of `[start, end)` of a mapping its file can give, from the start on. What the process may have written to is not
   * in the file: nothing of a writable segment, not even once the dynamic linker has made it read-only (RELRO).
   */
  *extent(mapping: CoreMapping, start: bigint, end: bigint): Task<bigint> {
    if (mapping.writable) return start;
    const file = yield* this.find(mapping);
    if (file === undefined) return start;
    const segment = segmentAt(file.image, mapping.start - mapping.base!);
    if (segment === undefined || (segment.flags & PF_W) !== 0) return start;
    const size = (BigInt(file.source.size) + PAGE - 1n) & ~(PAGE - 1n);
    const limit = mapping.start + (size - mapping.offset);
    const to = limit < end ? limit : end;
    if (to <= start) return start;
    this.#used.set(mapping.path, file);
    return to;
  }

  /** Reads what `extent` has called there. Behind its end the last page of a file is zero. */
  *read(mapping: CoreMapping, address: bigint, into: Uint8Array): Task<void> {
    const { source } = (yield* this.find(mapping))!;
    const offset = Number(mapping.offset + (address - mapping.start));
    const there = Math.max(0, Math.min(into.length, source.size - offset));
    if (there > 0) into.set(yield* readRange(source, offset, there, mapping.path));
    into.fill(0, there);
  }

  /** What was taken from files and what was not, a line each. */
  notes(): string[] {
    const names = (verified: boolean) =>
      [...this.#used].filter(([, file]) => file.verified === verified).map(([path]) => path);
    const lines = [...this.#refused];
    const [sure, unsure] = [names(true), names(false)];
    if (sure.length > 0) {
      lines.push(
        `memory that the core left out was taken from files with the same build id: ${sure.join(', ')}`,
      );
    }
    if (unsure.length > 0) {
      lines.push(
        `memory that the core left out was taken from files that nothing in the core confirms: ${unsure.join(', ')}`,
      );
    }
    return lines;
  }

  [Symbol.dispose](): void {
    for (const source of this.#opened.splice(0)) source[Symbol.dispose]?.();
  }
}

/** The PT_LOAD of an image that a page belongs to, by its distance from the base. */
function segmentAt(image: ElfImage, distance: bigint) {
  const address = image.linkBase + distance;
  return image.headers.find(
    (one) =>
      one.type === PT_LOAD &&
      address >= (one.address & ~(PAGE - 1n)) &&
      address < ((one.address + one.memorySize + PAGE - 1n) & ~(PAGE - 1n)),
  );
}

/** An image as a file: addresses are found by its program headers, once they are known. */
function fromFile(source: Source, image?: ElfImage): ImageReader {
  return function* (offset, length) {
    let at = offset;
    if (image !== undefined) {
      const address = offset + image.linkBase;
      const load = image.headers.find(
        (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.fileSize,
      );
      if (load === undefined) return undefined;
      at = load.offset + (address - load.address);
    }
    const there = BigInt(source.size) - at;
    if (at < 0n || there <= 0n) return undefined;
    const some = there < BigInt(length) ? Number(there) : length;
    return yield* readRange(source, Number(at), some, 'file of a module');
  };
}
