export { type FileIdentity, identifyFile } from './openers/index.js';
export * from './servers/index.js';
export * from './supplier.js';
export * from './suppliers/index.js';
export * from './symbols.js';
