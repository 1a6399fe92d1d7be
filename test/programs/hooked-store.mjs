// Stores COUNT dumps of PID in FOLDER, prints their lines, and waits for the hooks: hooked-store.mjs FOLDER PID COUNT OPTIONS
import { writeMinidump } from '../../dist/index.js';
import { DumpStore, dumpLine } from '../../dist/watch/dumps/index.js';

const [folder, pid, count, options] = process.argv.slice(2);
const onProblem = (text) => console.error(`problem: ${text}`);
const store = new DumpStore({ folder, onProblem, ...JSON.parse(options) });
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
