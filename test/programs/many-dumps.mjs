// node many-dumps.mjs PLAIN STUCK FOLDER: one process that takes many dumps, and prints what it has of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { writeMinidump } from '../../dist/index.js';

const [plain, stuck] = process.argv.slice(2, 4).map(Number);
const folder = process.argv[4];

const dump = (pid, name = 'd.dmp') => writeMinidump(pid, join(folder, name), { force: true });
const threads = () => readdirSync('/proc/self/task').length;
const before = threads();
const measure = () => ({
  threads: threads() - before,
  descriptors: readdirSync('/proc/self/fd').length,
  mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
});

const measured = [];
for (let i = 0; i < 100; i++) {
  await dump(plain);
  await setImmediate();
  if (i === 20 || i === 99) measured.push(measure());
}
// One whose threads do not all stop costs the tracer thread; the next dump has a new one.
const { warnings } = await dump(stuck);
await dump(plain);
await Promise.all([dump(plain, 'a.dmp'), dump(stuck, 'b.dmp'), dump(plain, 'c.dmp')]);
await dump(plain);
console.log(JSON.stringify({ measured, warnings }));
