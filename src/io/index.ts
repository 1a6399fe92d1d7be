export type * from './cache.js';
export * from './errors.js';
export type * from './folder.js';
export * from './output-failure.js';
export * from './sink.js';
export * from './source.js';
export * from './task.js';
export * from './web-stream-sink.js';
export * from './zstd/index.js';
