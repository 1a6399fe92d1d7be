export { BlockStore } from './block-cache.js';
export * from './compile-cfi.js';
export { parseSymFile } from './parse.js';
export { SymIndex, type SymIndexOptions, type SymModule } from './sym-index.js';
export type { SymTables } from './tables.js';
export * from './windows-program.js';
export { writeSymIndex } from './write-index.js';
export { type SymIdentity, type SymSummary, type WriteSymOptions, writeSym } from './write-sym.js';
