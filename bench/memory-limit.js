// A snapshot where there is no memory for it: the rewriting program in a cgroup of which it uses 90 %.
import { rmSync } from 'node:fs';
import { makeCgroup } from './cgroup.js';
import { BenchError, LeftOut } from './error.js';
import { measure } from './measuring.js';
import { sleep } from './processes.js';
import { startRewriter } from './rewriting.js';
import { mdmp } from './tools.js';

const SHARE = 0.9;
const LIVES_ON = 'lives on';

/** Dumps it in each of `modes` (names with options) and tells what became of dump and program. */
export async function memoryLimit(modes, { mib, folder }) {
  const results = [];
  for (const { name, options } of modes) {
    let cgroup;
    try {
      cgroup = makeCgroup();
    } catch (error) {
      if (error instanceof LeftOut) return { mib, share: SHARE, leftOut: error.message };
      throw error;
    }
    try {
      results.push({ name, ...(await attempt(cgroup, options, { mib, folder })) });
    } finally {
      cgroup.remove();
    }
  }
  return { mib, share: SHARE, modes: results };
}

/** What went wrong: a line for each mode after which the program did not live on. */
export function failures({ modes = [] }) {
  return modes.flatMap(({ name, fate }) =>
    fate === LIVES_ON ? [] : [`memory-limit, ${name}: the program ${fate}`],
  );
}

async function attempt(cgroup, options, { mib, folder }) {
  const rewriter = await startRewriter(mib, '4k', cgroup.join);
  const file = `${folder.path}/limited`;
  try {
    const used = cgroup.usage();
    if (used < mib * 2 ** 20) throw new BenchError('the program is not in its cgroup');
    const limit = Math.ceil(used / SHARE / 4096) * 4096;
    cgroup.limit(limit);
    const command = mdmp(
      ...['dump', String(rewriter.pid), '-o', file, '--type', 'full', '--max-pause', '120', ...options],
    );
    const { status, printed, wallMs } = await measure(command, folder);
    return {
      version: cgroup.version,
      usedMb: used / 1e6,
      limitMb: limit / 1e6,
      status,
      // Where the dump lay is of no use to anybody: it is gone.
      printed: printed.trim().replaceAll(folder.path, '…'),
      wallMs,
      fate: await fate(rewriter),
      oomKills: cgroup.oomKills(),
    };
  } finally {
    await rewriter.stop();
    rmSync(file, { force: true });
  }
}

/** What became of the program: `lives on`, or something that must not be. */
async function fate(rewriter) {
  try {
    const before = await rewriter.ask('since 0');
    // On a busy machine it may take a while until it has its turn.
    for (let i = 0; i < 100; i++) {
      await sleep(100);
      const after = await rewriter.ask('since 0');
      if (after.errors !== '0') return `found ${after.errors} pages that are not as it left them`;
      if (after.rounds !== before.rounds) return LIVES_ON;
    }
    return 'stands still';
  } catch (error) {
    if (error instanceof BenchError && !rewriter.alive()) return 'was killed';
    throw error;
  }
}
