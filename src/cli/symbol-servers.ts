import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Cache, type FileStore, MinidumpError } from '../io/index.js';
import { CacheFolder } from '../node/cache-folder.js';
import { defaultCacheFolder } from '../node/default-cache-folder.js';
import { DiskFolder } from '../node/disk-folder.js';
import { DownloadFolder } from '../node/download-folder.js';
import { httpFetch } from '../node/http-fetch.js';
import {
  Downloads,
  parseDebuginfodUrls,
  parseSymbolPath,
  SymbolFolder,
  type SymbolPathElement,
  SymbolServer,
  type SymbolSupplier,
  type TransferLimits,
} from '../symbols/index.js';
import { parseSeconds, wrong } from './arguments.js';
import { DownloadLine } from './download-line.js';
import type { SymbolOptions } from './symbol-options.js';

export interface Servers {
  readonly suppliers: readonly SymbolSupplier[];
  /** For people. */
  readonly names: readonly string[];
  readonly progress: DownloadLine;
  /** What went wrong with servers, a line each. */
  failures(): readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Suppliers for what the options name, and the environment where that is asked for. Fails with `invalid-argument`. */
export function openServers(options: SymbolOptions, env: Environment = process.env): Servers {
  const folder = options.symbolsCache ?? defaultCacheFolder();
  const progress = new DownloadLine();
  const all: Downloads[] = [];
  const fetch = options.offline ? undefined : httpFetch({ env, userAgent: 'mdmp' });
  const notes: Cache = new CacheFolder(join(folder, 'notes'), { limit: 16 * 1024 ** 2 });
  const downloadsWith = (limits: Partial<TransferLimits>): Downloads => {
    const downloads = new Downloads({ fetch, notes, limits, progress: (one) => progress.update(one) });
    all.push(downloads);
    return downloads;
  };
  const seconds = options.symbolsDownloadTimeoutSecs;
  const total =
    seconds === undefined ? {} : { total: parseSeconds(seconds, '--symbols-download-timeout-secs') };
  const downloads = downloadsWith(total);
  const own = new DownloadFolder(join(folder, 'downloads'));
  const suppliers: SymbolSupplier[] = [];
  const names: string[] = [];
  const add = (supplier: SymbolSupplier, name: string) => {
    suppliers.push(supplier);
    names.push(name);
  };
  const named = [
    ...(options.symbolServer ?? []).map((url) => new SymbolServer(url, { downloads, stores: [own] })),
    ...(options.symbolsUrl ?? []).map(
      (url) => new SymbolServer(url, { downloads, stores: [own], layouts: ['breakpad'] }),
    ),
  ];
  for (const server of named) add(server, server.name);
  if (options.symbolEnv) {
    for (const element of parseSymbolPath(env._NT_SYMBOL_PATH ?? ''))
      for (const one of ofElement(element, own, downloads)) add(one, one.name ?? element.place);
    const ofClient = debuginfodCache(env);
    const urls = parseDebuginfodUrls(env.DEBUGINFOD_URLS ?? '');
    if (urls.length > 0) {
      suppliers.push(new SymbolFolder(new DiskFolder(ofClient)));
      const limited = downloadsWith({ ...debuginfodLimits(env), ...total });
      for (const url of urls) {
        const server = new SymbolServer(url, { downloads: limited, stores: [own], layouts: ['debuginfod'] });
        add(server, server.name);
      }
    }
    if (names.length === 0) {
      throw wrong(
        '--symbol-env finds neither _NT_SYMBOL_PATH nor DEBUGINFOD_URLS in the environment',
        'Set one of them, or name a server by --symbol-server',
      );
    }
  }
  return { suppliers, names, progress, failures: () => all.flatMap((one) => one.failures) };
}

/** An element of _NT_SYMBOL_PATH. */
function* ofElement(
  { place, kind, stores }: SymbolPathElement,
  own: FileStore,
  downloads: Downloads,
): Iterable<SymbolSupplier> {
  if (kind === 'folder') {
    for (const folder of [...stores, place])
      if (folder !== '') yield new SymbolFolder(new DiskFolder(folder));
    return;
  }
  // What a user keeps in a folder of his own is not removed by us.
  const [first = own, ...more] = stores.map((store) =>
    store === '' ? own : new DownloadFolder(store, undefined),
  );
  yield new SymbolServer(place, { downloads, stores: [first, ...more], layouts: ['symstore'] });
}

/** Where the client of elfutils keeps what it has fetched: it is looked into, and nothing is put there. */
function debuginfodCache({ DEBUGINFOD_CACHE_PATH: named, XDG_CACHE_HOME: cache }: Environment): string {
  return named || join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'debuginfod_client');
}

/** As that client reads them: seconds, bytes, and 0 for no limit. */
function debuginfodLimits(env: Environment): Partial<TransferLimits> {
  const number = (name: string): number | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    if (!/^\d{1,12}$/.test(text))
      throw new MinidumpError('invalid-argument', `${name} must be a number, not '${text}'`);
    return Number(text) || undefined;
  };
  const idle = number('DEBUGINFOD_TIMEOUT');
  const total = number('DEBUGINFOD_MAXTIME');
  const maxSize = number('DEBUGINFOD_MAXSIZE');
  const retries = number('DEBUGINFOD_RETRY_LIMIT');
  return {
    ...(idle !== undefined && { idle: idle * 1000 }),
    ...(total !== undefined && { total: total * 1000 }),
    ...(maxSize !== undefined && { maxSize }),
    ...(retries !== undefined && { retries }),
  };
}
