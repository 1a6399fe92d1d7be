import { modulesOnStacks } from '../analysis/stack-modules.js';
import { runAsync, runSync } from '../io/index.js';
import { type Minidump, pointerSizeOf } from '../reader/index.js';
import type { Symbols } from '../symbols/index.js';
import { wrong } from './arguments.js';
import { err } from './output.js';
import { openSymbols } from './symbol-places.js';
import type { Servers } from './symbol-servers.js';
import { printable } from './text.js';

/** What all commands that want symbols understand. */
export interface SymbolOptions {
  symbolsPath?: string[];
  symbolsCache?: string;
  useLocalDebuginfo?: boolean;
  /** URLs of servers, of whatever layout. */
  symbolServer?: string[];
  /** URLs of servers of Breakpad's layout, as minidump-stackwalk names them. */
  symbolsUrl?: string[];
  /** Servers that the environment names. */
  symbolEnv?: boolean;
  offline?: boolean;
  /** Seconds. */
  symbolsDownloadTimeoutSecs?: string;
}

/** Where a command looks for symbols. */
export interface SymbolSearch extends Disposable {
  readonly symbols: Symbols;
  /** For people; empty where nothing was named. */
  readonly places: readonly string[];
  /** Fetches what the stacks of a dump will want. Without servers, nothing. */
  prefetch(dump: Minidump, crashedThreadOnly?: boolean): Promise<void>;
  /** Says on stderr which servers could not be used. */
  warn(): void;
}

/** Opens what the words and the options of a command name. What servers want is loaded only if there are any. */
export async function openSymbolSearch(
  words: readonly string[],
  options: SymbolOptions,
): Promise<SymbolSearch> {
  const { symbolServer = [], symbolsUrl = [], symbolEnv, symbolsCache: cache } = options;
  const paths = [...words, ...(options.symbolsPath ?? [])];
  const wantsServers = symbolServer.length > 0 || symbolsUrl.length > 0 || symbolEnv === true;
  if (options.offline && !wantsServers)
    throw wrong('--offline goes with --symbol-server or --symbol-env', 'Without them, nothing is fetched');
  let servers: Servers | undefined;
  if (wantsServers) servers = (await import('./symbol-servers.js')).openServers(options);
  const symbols = openSymbols({
    paths,
    cache,
    local: options.useLocalDebuginfo ?? false,
    more: servers?.suppliers,
  });
  return {
    symbols,
    places: [...paths, ...(servers?.names ?? [])],
    async prefetch(dump, crashedThreadOnly) {
      if (servers === undefined) return;
      try {
        const modules = runSync(modulesOnStacks(dump, crashedThreadOnly));
        await symbols.prefetch(modules, pointerSizeOf(await runAsync(dump.systemTask())));
      } finally {
        servers.progress.clear();
      }
    },
    warn() {
      for (const failure of servers?.failures() ?? [])
        process.stderr.write(`${err.yellow('warning:')} ${printable(failure)}\n`);
    },
    [Symbol.dispose]() {
      servers?.progress.clear();
      symbols[Symbol.dispose]();
    },
  };
}
