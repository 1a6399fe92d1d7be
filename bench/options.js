// What the command line says.
import { parseArgs } from 'node:util';
import { BenchError } from './error.js';

export const usage = `npm run bench -- [options]

  --quick             small, threads100, 256 MiB and small stacks, few runs: under a minute, for CI
  --only NAME,…       only these parts (see below)
  --runs N            how often each tool dumps each target (9; large targets 5; --quick 2)
  --probe sleep|spin  how a C target watches its clock (spin)
  --slow              with what takes minutes or 10 GB: lldb's modified memory of 2 GiB, gcore of reserved memory
  --breakpad PROGRAM  measure it, too; called as PROGRAM PID FILE
  --crashpad PROGRAM  measure Crashpad's generate_dump, too
  --folder DIR        where dumps go (/dev/shm if it has room for them, else $TMPDIR)
  --write NAME        write docs/evidence/bench-NAME.md and bench-NAME.svg
  --json FILE         write every single figure
  --help`;

/** Options, checked. `only` is a set of names or undefined for all. */
export function readOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        slow: { type: 'boolean', default: false },
        only: { type: 'string' },
        runs: { type: 'string' },
        probe: { type: 'string', default: 'spin' },
        breakpad: { type: 'string' },
        crashpad: { type: 'string' },
        folder: { type: 'string' },
        write: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new BenchError(`${error.message}\n${usage}`);
  }
  const { only, runs, ...rest } = values;
  if (runs !== undefined && !/^[1-9]\d{0,3}$/.test(runs))
    throw new BenchError(`--runs wants a number, not ${runs}`);
  if (!['sleep', 'spin'].includes(rest.probe))
    throw new BenchError(`--probe wants sleep or spin, not ${rest.probe}`);
  if (rest.write !== undefined && !/^[\w-]+$/.test(rest.write))
    throw new BenchError('--write wants a name of letters, digits and dashes');
  return {
    ...rest,
    ...(only === undefined ? {} : { only: new Set(only.split(',')) }),
    ...(runs === undefined ? {} : { runs: Number(runs) }),
  };
}
