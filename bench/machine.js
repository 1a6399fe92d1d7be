// What this machine is, and what it can do at most.
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release } from 'node:os';
import { BenchError } from './error.js';
import { run } from './processes.js';
import { program } from './programs.js';
import { valuesOf } from './values.js';

/** Load of the last minute: above 1 before the benchmark means that others use the machine, too. */
export const load = () => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);

export function describeMachine() {
  const enabled = '/sys/kernel/mm/transparent_hugepage/enabled';
  let hugePages = 'not there';
  try {
    hugePages = /\[(\w+)\]/.exec(readFileSync(enabled, 'utf8'))[1];
  } catch {}
  return {
    kernel: release(),
    arch: arch(),
    processors: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown CPU',
    node: process.version,
    hugePages,
  };
}

/** GB/s of process_vm_readv, of write to the folder of the dumps, and of both in one thread. */
export async function speeds(folder) {
  const { status, printed } = await run(program('bench/machine.c'), [folder.path]);
  if (status !== 0) throw new BenchError(`machine: ${printed}`);
  const { read_gbs, write_gbs, both_gbs } = valuesOf(printed);
  return { readGbs: Number(read_gbs), writeGbs: Number(write_gbs), bothGbs: Number(both_gbs) };
}
