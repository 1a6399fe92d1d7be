export * from './codeview.js';
export * from './compressed-memory.js';
export * from './file.js';
export * from './fixed-file-info.js';
export * from './guid.js';
export * from './m128a.js';
export * from './string.js';
export * from './time-zone.js';
