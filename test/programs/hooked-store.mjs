// Stores COUNT dumps of PID in FOLDER, prints their lines, and waits for the hooks: hooked-store.mjs FOLDER PID COUNT OPTIONS
import { storeDumps } from './store-dumps.mjs';

await storeDumps(process.argv.slice(2), (text) => console.error(`problem: ${text}`));
