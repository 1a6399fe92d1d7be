// A snapshot where there is no memory for it: the rewriting program in a cgroup of which it uses 90 %.
import { rmSync } from 'node:fs';
import { makeCgroup } from './cgroup.js';
import { BenchError } from './error.js';
import { measure } from './measuring.js';
import { sleep } from './processes.js';
import { startRewriter } from './rewriting.js';
import { mdmp } from './tools.js';

const SHARE = 0.9;

/** Dumps it in each of `modes` (names with options) and tells what became of dump and program. */
export async function memoryLimit(modes, { mib, folder }) {
  const results = [];
  for (const { name, options } of modes) {
    const cgroup = makeCgroup();
    try {
      results.push({ name, ...(await attempt(cgroup, options, { mib, folder })) });
    } finally {
      cgroup.remove();
    }
  }
  return { mib, share: SHARE, modes: results };
}

async function attempt(cgroup, options, { mib, folder }) {
  const rewriter = await startRewriter(mib, '4k', cgroup.join);
  const file = `${folder.path}/limited`;
  try {
    const used = cgroup.usage();
    if (used < mib * 2 ** 20) throw new BenchError('the program is not in its cgroup');
    const limit = Math.ceil(used / SHARE / 4096) * 4096;
    cgroup.limit(limit);
    const args = [
      'dump',
      String(rewriter.pid),
      '-o',
      file,
      '--type',
      'full',
      '--max-pause',
      '120',
      ...options,
    ];
    const { status, printed, wallMs } = await measure(mdmp(...args), folder);
    const before = await work(rewriter);
    let after = before;
    // On a busy machine it may take a while until it has its turn.
    for (let i = 0; i < 100 && after.rounds === before.rounds; i++) {
      await sleep(100);
      after = await work(rewriter);
    }
    return {
      version: cgroup.version,
      usedMb: used / 1e6,
      limitMb: limit / 1e6,
      status,
      printed: printed.trim(),
      wallMs,
      oomKills: cgroup.oomKills(),
      livesOn: after.rounds > before.rounds,
      errors: after.errors,
    };
  } finally {
    await rewriter.stop();
    rmSync(file, { force: true });
  }
}

/** How much the program has done, and how many of its pages were not as it left them. It ends the benchmark if the program is dead. */
async function work(rewriter) {
  const { rounds, errors } = await rewriter.ask('since 0');
  return { rounds: Number(rounds), errors: Number(errors) };
}
