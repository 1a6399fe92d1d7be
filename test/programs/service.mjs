// A Node program under mdmp/register: node --import …/register/index.js service.mjs WHAT [WORD]
import cluster from 'node:cluster';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const registered = () => import('../../dist/register/index.js');
const [what, word] = isMainThread ? process.argv.slice(2) : [workerData];
const inWorker = (task) => new Worker(new URL(import.meta.url), { workerData: task });
const forever = () => setInterval(() => {}, 1000);

const tasks = {
  abort: () => process.abort(),
  memory() {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill({}));
  },
  null() {
    const koffi = createRequire(import.meta.url)('koffi');
    koffi.load(null).func('void *memset(uint64_t to, int byte, uint64_t size)')(0x18, 1, 1);
  },
  worker: () => inWorker(word),
  throw() {
    setTimeout(() => {
      throw Object.assign(
        new TypeError('the message is a secret\n    at secret place', { cause: new Error('why') }),
        {
          code: 'ERR_TEST',
        },
      );
    });
  },
  reject: () => void Promise.reject(new RangeError('rejected')),
  caught() {
    process.on('uncaughtException', (error) => console.log(`caught ${error.name}`));
    tasks.throw();
    setTimeout(() => process.exit(3), 500);
  },
  hang() {
    setTimeout(() => {
      for (const end = performance.now() + 2000; performance.now() < end; );
      console.log('goes on');
      setTimeout(() => process.exit(4), 700);
    }, 500);
  },
  async dump() {
    const { configure, dumpNow } = await registered();
    configure({ name: 'main.{pid}.dmp' });
    console.log(await dumpNow('from the main thread'));
    const worker = inWorker('dump-in-worker');
    const ended = once(worker, 'exit');
    console.log((await once(worker, 'message'))[0]);
    await ended;
  },
  async 'dump-in-worker'() {
    const { dumpNow } = await registered();
    parentPort.postMessage(await dumpNow('from a worker'));
  },
  /** While the main thread is busy. */
  async 'dump-of-a-hang'() {
    const worker = inWorker('dump-in-worker');
    await once(worker, 'online');
    const end = performance.now() + 20_000;
    const there = () => readdirSync(process.env.MDMP_DIR).some((name) => name.endsWith('.dmp'));
    while (!there() && performance.now() < end);
    console.log(there() ? 'dumped meanwhile' : 'not dumped');
  },
  async limit() {
    const { configure, dumpNow } = await registered();
    configure({ count: 1 });
    console.log(await dumpNow());
    await dumpNow().catch((error) => console.log(`${error.name} ${error.code}: ${error.message}`));
  },
  async cluster() {
    if (cluster.isPrimary) {
      console.log(process.env.MDMP_WATCHER);
      for (const number of [0, 1, 2]) cluster.fork({ NUMBER: number });
      cluster.on('exit', (_, code, signal) => console.log(`worker: ${signal ?? code}`));
    } else {
      const { dumpNow } = await registered();
      // Its answer says that this one is watched.
      await dumpNow(`from worker ${process.env.NUMBER}`);
      if (process.env.NUMBER === '1' || word === 'all') process.abort();
      process.exit(5);
    }
  },
  exit: () => process.exit(Number(word)),
  signal() {
    process.kill(process.pid, word);
    forever();
  },
  async idle() {
    process.stdout.write(`READY ${process.env.MDMP_WATCHER}\n`);
    forever();
    process.stdin.on('data', () => process.exit(6));
  },
  trap() {
    // (module (memory 1) (func (export "f") (i32.store (i32.const 0x7fffffff) (i32.const 1))))
    const bytes = Buffer.from(
      '0061736d01000000010401600000030201000503010001070501016600000a0f010d0041ffffffff0741013602000b',
      'hex',
    );
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    for (let i = 0; i < 100; i++) {
      try {
        f();
      } catch (error) {
        if (i === 99) console.log(error.message);
      }
    }
  },
};
await tasks[what]();
