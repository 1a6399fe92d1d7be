// The service that bench/register.js measures: what it answers costs little, so that what stands beside it would show.
import { createServer } from 'node:http';

/** Work of one thread: objects, strings and numbers. Gives how long it took in milliseconds. */
function work() {
  const began = performance.now();
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const text = JSON.stringify({ i, list: Array.from({ length: 50 }, (_, k) => k * i), name: `name ${i}` });
    sum += JSON.parse(text).list.reduce((a, b) => a + b, 0) % 11;
  }
  if (!(sum > 0)) throw new Error('it did not work');
  return performance.now() - began;
}

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(request.url === '/work' ? { ms: work() } : { hello: 'world' }));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
// Its reader is the benchmark, which may be ended.
process.stdin.on('end', () => process.exit()).resume();
