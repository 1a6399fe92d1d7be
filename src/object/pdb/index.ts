export { isPdb } from './msf.js';
export * from './pdb-debug-information.js';
export * from './pdb-file.js';
