import { awaited, type FileStore, MinidumpError, runAsync, type Task } from '../../io/index.js';
import type {
  Candidate,
  FoundParts,
  Offer,
  SymbolSupplier,
  WantedCompanion,
  WantedModule,
} from '../supplier.js';
import {
  breakpadPath,
  buildIdPath,
  debuginfodPath,
  imageKind,
  inTwoTiers,
  machPaths,
  type StoreKey,
  storeFiles,
  storeKeys,
} from '../suppliers/layouts.js';
import { POINTER_LIMIT, readPointer } from '../suppliers/store-pointer.js';
import type { Downloads } from './downloads.js';
import { shownUrl } from './transfer.js';

/** `breakpad`: NAME/ID/NAME.sym. `symstore`: of Microsoft's tools. `debuginfod`: buildid/ID/debuginfo. */
export type ServerLayout = 'breakpad' | 'symstore' | 'debuginfod';

export interface SymbolServerOptions {
  readonly downloads: Downloads;
  /** Where files are looked for before the server is asked; what comes from it is put into the first. */
  readonly stores: readonly [FileStore, ...FileStore[]];
  /** What the server has: all of them if it is not said. */
  readonly layouts?: readonly ServerLayout[] | undefined;
}

const ALL_LAYOUTS: readonly ServerLayout[] = ['breakpad', 'symstore', 'debuginfod'];

/** A file that a server may have. */
interface Wanted {
  /** In the store. */
  readonly path: string;
  /** What the server is asked for, one after the other until one is the right file. */
  readonly offers: readonly (() => Task<Candidate | undefined>)[];
}

/** A server of symbols: what it gave is kept in a store, which is a folder of symbols itself. */
export class SymbolServer implements SymbolSupplier {
  readonly remote = true;
  /** Its URL, without a password. */
  readonly name: string;
  readonly #url: string;
  readonly #downloads: Downloads;
  readonly #stores: readonly [FileStore, ...FileStore[]];
  readonly #layouts: ReadonlySet<ServerLayout>;
  /** Asked for once, by whoever is first. */
  #isTwoTiers: Promise<boolean> | undefined;

  /** Fails with `invalid-argument` if the URL is none, or not of http or https. */
  constructor(url: string, { downloads, stores, layouts = ALL_LAYOUTS }: SymbolServerOptions) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new MinidumpError('invalid-argument', `'${shownUrl(url)}' is no URL of a symbol server`, {
        advice: 'It begins with https:// or http://',
      });
    }
    this.#url = url.replace(/\/+$/, '');
    this.name = shownUrl(this.#url);
    this.#downloads = downloads;
    this.#stores = stores;
    this.#layouts = new Set(layouts);
  }

  *candidates(module: WantedModule, found: FoundParts = { module: false, debug: false }): Iterable<Offer> {
    for (const wanted of this.#wanted(module, found)) yield* this.#offers(wanted);
  }

  /** What dwz moved out of a file has a build id, too. */
  *companions({ buildId }: WantedCompanion): Iterable<Offer> {
    const wanted = this.#ofBuildId(buildId, 'debuginfo');
    if (wanted !== undefined) yield* this.#offers(wanted);
  }

  *#wanted(module: WantedModule, found: FoundParts): Iterable<Wanted> {
    const sym = breakpadPath(module);
    if (sym !== undefined && !found.debug && this.#layouts.has('breakpad'))
      yield { path: sym, offers: [() => this.#file(sym, sym)] };
    if (this.#layouts.has('symstore')) {
      for (const key of storeKeys(module)) if (!found[key.kind]) yield this.#inStore(key);
      for (const { kind, path } of machPaths(module)) {
        if (kind === 'sym' || !found[kind]) yield { path, offers: [() => this.#file(path, path)] };
      }
    }
    if (imageKind(module) !== 'elf') return;
    const id = module.codeIdentifier;
    const debug = found.debug ? undefined : this.#ofBuildId(id, 'debuginfo');
    if (debug !== undefined) yield debug;
    const executable = found.module ? undefined : this.#ofBuildId(id, 'executable');
    if (executable !== undefined) yield executable;
  }

  #ofBuildId(buildId: string | undefined, kind: 'debuginfo' | 'executable'): Wanted | undefined {
    const path = debuginfodPath(buildId, kind);
    const kept = buildIdPath(buildId);
    if (path === undefined || kept === undefined || !this.#layouts.has('debuginfod')) return undefined;
    const inStore = kind === 'debuginfo' ? `${kept}.debug` : kept;
    return { path: inStore, offers: [() => this.#file(path, inStore)] };
  }

  #inStore(key: StoreKey): Wanted {
    const { plain, cabinet, pointer } = storeFiles(key);
    return {
      path: plain,
      offers: [
        () => this.#storeFile(plain, plain),
        () => this.#storeFile(cabinet, plain),
        () => this.#pointed(pointer, plain),
      ],
    };
  }

  *#offers({ path, offers }: Wanted): Iterable<Offer> {
    let isFound = false;
    const watched = (candidate: Candidate): Candidate => ({
      ...candidate,
      verified(isRight) {
        isFound ||= isRight;
        candidate.verified?.(isRight);
      },
    });
    for (const store of this.#stores) {
      const file = store.open(path);
      if (file !== undefined) yield watched({ file, url: this.#shown(path) });
      if (isFound) return;
    }
    if (this.#downloads.isOffline) return;
    for (const offer of offers) {
      yield (function* () {
        const candidate = yield* offer();
        return candidate && watched(candidate);
      })();
      if (isFound) return;
    }
  }

  *#file(path: string, kept: string): Task<Candidate | undefined> {
    return yield* this.#downloads.file(this.#urlOf(path), this.#stores[0], kept);
  }

  *#storeFile(path: string, kept: string): Task<Candidate | undefined> {
    const url = yield* this.#urlInStore(path);
    return yield* this.#downloads.file(url, this.#stores[0], kept, path !== kept);
  }

  /** Where a file.ptr says: to a URL only, never to a path of the machine that reads it. */
  *#pointed(path: string, kept: string): Task<Candidate | undefined> {
    const url = yield* this.#urlInStore(path);
    const bytes = yield* this.#downloads.text(url, POINTER_LIMIT);
    if (bytes === undefined) return undefined;
    const { path: place, message } = readPointer(bytes);
    const isSafe = place !== undefined && (/^https:\/\//i.test(place) || this.#isPlain(place));
    if (isSafe) return yield* this.#downloads.file(place, this.#stores[0], kept);
    const why = message ?? `it points to ${place}, which is not followed`;
    throw new MinidumpError('input-unreadable', `${shownUrl(url)}: ${why}`);
  }

  /** What is not encrypted is not reached from what is. */
  #isPlain(place: string): boolean {
    return /^http:\/\//i.test(place) && /^http:\/\//i.test(this.#url);
  }

  *#urlInStore(path: string): Task<string> {
    this.#isTwoTiers ??= runAsync(this.#downloads.exists(this.#urlOf('index2.txt')));
    const isTwoTiers = yield* awaited(this.#isTwoTiers);
    return this.#urlOf(isTwoTiers ? inTwoTiers(path) : path);
  }

  #urlOf(path: string): string {
    return `${this.#url}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  #shown(path: string): string {
    return shownUrl(this.#urlOf(path));
  }
}
