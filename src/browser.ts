/** What runs everywhere: all of mdmp but live capture and files. */
export * from './dump/index.js';
export * from './format/index.js';
export * from './io/index.js';
export * from './reader/index.js';
export * from './targets/minidump/index.js';
