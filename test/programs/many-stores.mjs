// Stores COUNT dumps of PID in FOLDER, as fast as it can; prints READY, begins at a line, then a JSON line for each dump.
// many-stores.mjs FOLDER PID COUNT OPTIONS
import { once } from 'node:events';
import { writeMinidump } from '../../dist/index.js';
import { DumpStore, dumpLine } from '../../dist/watch/dumps/index.js';

const [folder, pid, count, options] = process.argv.slice(2);
const store = new DumpStore({ folder, ...JSON.parse(options) });
console.log('READY');
await once(process.stdin, 'data');
for (let i = 0; i < Number(count); i++) {
  const occasion = {
    pid: Number(pid),
    name: 'target',
    trigger: 'request',
    text: `number ${i}`,
    time: new Date(),
  };
  const dump = await store.store(occasion, (file, output) => writeMinidump(Number(pid), file, output));
  console.log(dumpLine(dump));
}
await store.idle();
process.exit();
