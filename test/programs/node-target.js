// A Node process to be dumped: node node-target.js [--quiet] [--workers N] [--heap MIB]
//
// Speaks as the C programs do: `name=value` lines, READY, then commands on standard input (see common.h).
// By default an HTTP server answers its own requests, timers tick and workers hash, and the event loop measures its longest
// pause with setImmediate (`report` prints longest_us, turns, requests, errors). With --quiet nothing moves: threads
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

if (!isMainThread) {
  // A port, not a timer: its thread waits without a time limit.
  if (quiet) parentPort.on('message', () => {});
  else {
    let hash = Buffer.alloc(32);
    setInterval(() => {
      for (let i = 0; i < 200; i++) hash = createHash('sha256').update(hash).digest();
    }, 10);
  }
} else {
  const state = { longest: 0n, turns: 0, requests: 0, errors: 0 };
  globalThis.keptAlive = Array.from({ length: option('--heap', 8) }, (_, i) => Buffer.alloc(1 << 20, i + 1));

  const workers = Array.from(
    { length: option('--workers', 2) },
    () => new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));

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
    ask();
    let before = process.hrtime.bigint();
    const turn = () => {
      const now = process.hrtime.bigint();
      if (now - before > state.longest) state.longest = now - before;
      before = now;
      state.turns++;
      setImmediate(turn);
    };
    turn();
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line === 'quit') process.exit(0);
    if (line === 'report') {
      console.log(`longest_us=${state.longest / 1000n}`);
      console.log(`turns=${state.turns}`);
      console.log(`requests=${state.requests}`);
      console.log(`errors=${state.errors}`);
    }
    state.longest = 0n;
    state.turns = 0;
    console.log('END');
  });
  lines.on('close', () => process.exit(0));
  console.log('READY');
}
