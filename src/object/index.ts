export type * from './cfi.js';
export type * from './debug-information.js';
