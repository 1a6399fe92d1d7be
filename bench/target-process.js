// A running test program (test/programs/common.h says how they speak).
import { createInterface } from 'node:readline';
import { BenchError } from './error.js';
import { end, start } from './processes.js';
import { valuesOf } from './values.js';

const LIMIT_MS = 60_000;

/**
 * Starts a test program and waits until it is ready. `values` holds what it said of itself, `ask` sends a command and gives what it answered.
 */
export async function startTarget(command, args) {
  const child = start(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  child.stdin.on('error', () => {}); // It died; `ask` says so.
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const until = async (last) => {
    const said = [];
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      end(child.pid);
    }, LIMIT_MS);
    try {
      for (;;) {
        const { value: line, done } = await lines.next();
        if (done) {
          await ended;
          const how = hung ? 'did not answer in a minute' : `ended (${child.signalCode ?? child.exitCode})`;
          throw new BenchError(`${command} ${how} before it said ${last}`);
        }
        if (line === last) break;
        said.push(line);
      }
    } finally {
      clearTimeout(timer);
    }
    return valuesOf(said.join('\n'));
  };
  const values = await until('READY');
  return {
    pid: child.pid,
    values,
    alive: () => child.exitCode === null && child.signalCode === null,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return until('END');
    },
    stop: async () => {
      child.stdin.end('quit\n');
      const timer = setTimeout(() => end(child.pid), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}
