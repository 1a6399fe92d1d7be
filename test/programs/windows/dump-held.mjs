/*
 * Dumps a process by mdmp with the stand-in for DbgHelp, and does what a plan says at the first module callback,
 * { dumps: [{ pid, options, environment, act, alone, file }] }; `act` is `loop`, `throw`, a number of milliseconds to stay there, or nothing. When
 * it is there it prints pid=, READY. Gives a list of { report?, error?, ms }. It also runs by itself: node dump-held.mjs PLAN.json.
 */
import { readFileSync, writeSync } from 'node:fs';
import { MinidumpError, writeMinidump } from 'mdmp';

export default async function dumpHeld(plan) {
  const { dumps } = JSON.parse(plan);
  const results = [];
  for (const { pid, options, environment, act, alone, file } of dumps) {
    // Where Windows keeps it, which is where the DLL looks.
    Object.assign(process.env, environment);
    // As in a program of pkg, which can start nothing but itself.
    if (alone) process.pkg = {};
    else delete process.pkg;
    let asked = false;
    const module = () => {
      if (asked || act === undefined) return;
      asked = true;
      writeSync(1, `pid=${process.pid}\nREADY\n`);
      if (act === 'throw') throw new RangeError('of the test');
      const end = performance.now() + (act === 'loop' ? Number.POSITIVE_INFINITY : act);
      while (performance.now() < end);
    };
    const start = performance.now();
    try {
      const report = await writeMinidump(pid, file, { ...options, callbacks: { module } });
      results.push({ report, ms: performance.now() - start });
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
      results.push({ error: { code: error.code, message: error.message }, ms: performance.now() - start });
    }
  }
  return JSON.stringify(results);
}

// By itself: it can be killed then.
if (process.argv[1].endsWith('dump-held.mjs')) await dumpHeld(readFileSync(process.argv[2], 'utf8'));
