// What many-stores.mjs and hooked-store.mjs do.
import { writeMinidump } from '../../dist/index.js';
import { DumpStore, dumpLine } from '../../dist/watch/dumps/index.js';

/** Stores COUNT dumps of PID in FOLDER, prints a JSON line for each, and waits for the hooks. */
export async function storeDumps([folder, pid, count, options], onProblem) {
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
}
