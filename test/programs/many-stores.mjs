// Stores COUNT dumps of PID in FOLDER, as fast as it can; prints READY, begins at a line, then a JSON line for each dump.
// many-stores.mjs FOLDER PID COUNT OPTIONS
import { once } from 'node:events';
import { storeDumps } from './store-dumps.mjs';

console.log('READY');
await once(process.stdin, 'data');
await storeDumps(process.argv.slice(2));
process.exit();
