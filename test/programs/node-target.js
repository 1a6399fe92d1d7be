// A Node process to be dumped: node node-target.js [--quiet | --idle] [--workers N] [--heap MIB]
//
// Speaks as the C programs do: `name=value` lines, READY, then commands on standard input (see common.h).
// By default an HTTP server answers its own requests, timers tick and workers hash, and the event loop measures its longest
// pauses with setImmediate (`report` prints longest_us, second_us and still_us as pausewatch.c does, turns, requests, errors). With --idle the server and
// the workers wait, and the event loop looks at its clock every 50 µs. With --quiet nothing moves: threads
// stand in their system calls and registers stay as they are. (Run it with --no-memory-reducer: V8's has a timer.)
import { createHash } from 'node:crypto';
import { createServer, get } from 'node:http';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const option = (name, fallback) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const quiet = process.argv.includes('--quiet');
const idle = process.argv.includes('--idle');

if (!isMainThread) {
  // A port, not a timer: its thread waits without a time limit.
  if (quiet || idle) parentPort.on('message', () => {});
  else {
    let hash = Buffer.alloc(32);
    setInterval(() => {
      for (let i = 0; i < 200; i++) hash = createHash('sha256').update(hash).digest();
    }, 10);
  }
} else {
  const state = { longest: 0n, second: 0n, still: 0n, turns: 0, requests: 0, errors: 0 };
  globalThis.keptAlive = Array.from({ length: option('--heap', 8) }, (_, i) => Buffer.alloc(1 << 20, i + 1));

  const workers = Array.from(
    { length: option('--workers', 2) },
    () => new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));

  let look = () => {};
  if (!quiet) {
    const server = createServer((request, response) => response.end(`hello ${request.url}`));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    console.log(`port=${port}`);
    const ask = () => {
      get({ port, host: '127.0.0.1', path: `/${state.requests}` }, (response) => {
        response.resume();
        response.on('end', () => {
          state.requests++;
          setTimeout(ask, 5);
        });
      }).on('error', () => {
        state.errors++;
        setTimeout(ask, 5);
      });
    };
    if (!idle) ask();
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    let before = process.hrtime.bigint();
    look = () => {
      const now = process.hrtime.bigint();
      const gap = now - before;
      if (gap > state.longest) {
        state.second = state.longest;
        state.longest = gap;
      } else if (gap > state.second) state.second = gap;
      if (gap > 500_000n) state.still += gap;
      before = now;
    };
    const turn = () => {
      look();
      state.turns++;
      if (idle) Atomics.wait(nobody, 0, 0, 0.05);
      setImmediate(turn);
    };
    turn();
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line === 'quit') process.exit(0);
    if (line === 'report') {
      // It may have been stopped since the last turn, and the event loop comes to this line before the next one.
      look();
      console.log(`longest_us=${state.longest / 1000n}`);
      console.log(`second_us=${state.second / 1000n}`);
      console.log(`still_us=${state.still / 1000n}`);
      console.log(`turns=${state.turns}`);
      console.log(`requests=${state.requests}`);
      console.log(`errors=${state.errors}`);
    }
    state.longest = 0n;
    state.second = 0n;
    state.still = 0n;
    state.turns = 0;
    console.log('END');
  });
  lines.on('close', () => process.exit(0));
  console.log('READY');
}
