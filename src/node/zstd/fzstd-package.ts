import { createRequire } from 'node:module';

/** The package fzstd, loaded where it is needed only; and not by import(), which code from V8's cache cannot (src/cli/code-cache.ts). */
export function loadFzstd(): typeof import('fzstd') {
  return createRequire(import.meta.url)('fzstd');
}
