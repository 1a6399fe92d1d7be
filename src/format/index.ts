export * from './constants/index.js';
export * from './contexts/index.js';
export * from './layout.js';
export * from './streams/index.js';
export * from './structures/index.js';
