export * from './errors.js';
export * from './sink.js';
export * from './source.js';
export * from './task.js';
