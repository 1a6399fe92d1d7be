// What a dump costs a program that rewrites all of its memory (test/programs/rewriter.c): the pause, and in a snapshot a copy of each page that it writes to.
import { rmSync } from 'node:fs';
import { BenchError } from './error.js';
import { lostWork } from './lost-work.js';
import { measure } from './measuring.js';
import { sleep } from './processes.js';
import { program } from './programs.js';
import { startTarget } from './target-process.js';
import { mdmp } from './tools.js';

const BEFORE_MS = 1000;
const AFTER_MS = 1500;
/** Starts the program with so much memory, by a shell that runs `first`, and waits until it has written all of it once. */
export async function startRewriter(mib, pages, first = ':') {
  const script = `${first} && exec "$0" "$@"`;
  const path = program('test/programs/rewriter.c');
  const rewriter = await startTarget('sh', ['-c', script, path, '--memory', String(mib), '--pages', pages]);
  while (Number((await rewriter.ask('since 0')).rounds) < 2) await sleep(50);
  return rewriter;
}

/** Dumps a rewriting program `runs` times in each of `modes`, names with options of `mdmp dump`. */
export async function rewriting(modes, { runs, mib, pages, folder }) {
  const results = modes.map(() => []);
  for (let round = 0; round < runs; round++) {
    for (let i = 0; i < modes.length; i++) {
      const turn = (i + round) % modes.length;
      results[turn].push(await rewritten(modes[turn].options, { mib, pages, folder }));
    }
  }
  return { mib, pages, modes: modes.map(({ name }, i) => ({ name, results: results[i] })) };
}

async function rewritten(options, { mib, pages, folder }) {
  const rewriter = await startRewriter(mib, pages);
  const file = `${folder.path}/rewritten`;
  try {
    const began = process.hrtime.bigint();
    await rewriter.ask('reset');
    await sleep(BEFORE_MS);
    const dumped = await measure(
      mdmp(
        'dump',
        String(rewriter.pid),
        '-o',
        file,
        '--force',
        '--max-pause',
        '120',
        '--type',
        'full',
        ...options,
      ),
      folder,
    );
    if (dumped.status !== 0) throw new BenchError(`mdmp of a rewriting program:\n${dumped.printed}`);
    await sleep(AFTER_MS);
    const seen = await rewriter.ask(`since ${began}`);
    if (seen.errors !== '0')
      throw new BenchError(`${seen.errors} pages of the program are not as it left them`);
    const slotNs = Number(seen.slot_ns);
    const counts = seen.pages.split(',').map(Number);
    // The first slot began before the report did.
    const slotOf = (ns) => Math.floor(ns / slotNs) - Number(seen.first) - 1;
    const lost = lostWork(counts.slice(1), slotNs / 1e6, slotOf(dumped.beganNs), slotOf(dumped.endedNs) + 1);
    if (lost.usual === 0)
      throw new BenchError('the rewriting program got no turn in a whole second: too much else runs here');
    return {
      wallMs: dumped.wallMs,
      pauseMs: Number(seen.still_us) / 1000,
      lostMs: lost.lostMs,
      windowMs: (lost.slots * slotNs) / 1e6,
      pagesPerMs: (lost.usual / slotNs) * 1e6,
    };
  } finally {
    await rewriter.stop();
    rmSync(file, { force: true });
  }
}
