import type { Source } from './source.js';

/**
 * Keeps what was expensive to make, under a key. It may lose what it keeps at any time, and what it gives may be old or broken: whoever
 * asks checks what comes back.
 */
export interface Cache {
  /** Undefined where there is nothing under this key. */
  open(key: string): CachedSource | undefined;
  /** Keeps these bytes, one piece behind the other. A cache that cannot keep them says nothing. */
  store(key: string, pieces: Iterable<Uint8Array>): void;
}

/** Stays readable until it is closed, also if the cache loses it meanwhile. */
export interface CachedSource extends Source, Disposable {
  close(): void;
}
