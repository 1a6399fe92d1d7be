export * from './callback-types.js';
export * from './context-flags.js';
export * from './memory.js';
export * from './minidump-type.js';
export * from './platform.js';
export * from './results.js';
export * from './stream-flags.js';
export * from './stream-types.js';
