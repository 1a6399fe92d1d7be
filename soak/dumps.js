// Part 1: dump after dump of the busy program, by one process that lives long, and every 20th by the command.
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Commands, commandKinds, snapshotOf } from './command.js';
import { inspect } from './inspect.js';
import { descriptors, residentMemory, sleep, threadIds } from './kernel.js';
import { byWeight } from './kinds.js';
import { count } from './tally.js';
import { Target } from './target.js';

const BY_COMMAND = 20;
/** After so many dumps the dumper has all that it keeps: code, buffers, threads of libuv. */
const WARM = 40;
/** What the dumper's resident memory may grow by after that, in bytes: what the garbage collector leaves varies by half of it. */
const GROWTH = 64 << 20;
const LIMIT_MS = 60_000;

export async function soakDumps(context) {
  const { mode, dumps: total, random, work, root, program, fail, progress } = context;
  const commands = new Commands(root, work);
  const target = await Target.start(program);
  context.targets.add(target);
  const known = { stamp: target.stamp, wave: target.wave };
  const file = join(work, 'd.dmp');
  const counts = {};
  const pauses = [];
  const notes = {};
  let shortened = 0;
  let snapshots = 0;
  const warm = Math.min(WARM, total >> 1);
  let dumper = startDumper(context);
  let first;
  try {
    for (let i = 0; i < total; i++) {
      const byCommand = i % BY_COMMAND === BY_COMMAND - 1;
      const kind = random.pick(byCommand ? commandKinds : byWeight);
      const where = `dump ${i} (${byCommand ? 'command, ' : ''}${kind})`;
      rmSync(file, { force: true });
      let report;
      if (byCommand) report = await commandDump(commands, target, file, kind, mode);
      else {
        report = await ask(dumper, {
          pid: target.pid,
          file,
          kind,
          snapshot: snapshotOf(mode),
          target: known,
        });
        if (report.lost) {
          dumper.kill('SIGKILL');
          dumper = startDumper(context);
          first = undefined;
        }
      }
      count(counts, byCommand ? 'command' : kind);
      if (report.error) fail(`${where}: ${report.error}`);
      else {
        pauses.push(report.pauseMs);
        shortened += report.shortenedCalls;
        if (report.snapshot) snapshots++;
        for (const note of report.warnings ?? []) {
          count(notes, String(note.message ?? note).replace(/\d+/g, 'N'));
        }
        for (const fault of inspect(file, kind, target)) fail(`${where}: ${fault}`);
      }
      for (const fault of await target.disturbances({ progress: i % BY_COMMAND === 0 }))
        fail(`${where}: ${fault}`);
      if (target.ended) break;
      if (i % 100 === 99) await judge(context, target, where);
      if (i === warm) first = measure(dumper.pid);
      // The moment of the next dump is another one for each of the tasks.
      await sleep(random.below(30));
      progress(i + 1, total);
    }
    const sums = target.ended ? undefined : await judge(context, target, 'at the end');
    if (sums && sums.shorts > shortened)
      fail(`the program saw ${sums.shorts} short calls, the reports counted ${shortened}`);
    const last = measure(dumper.pid);
    if (first) {
      if (last.descriptors > first.descriptors)
        fail(`the dumper has ${last.descriptors} descriptors open, ${first.descriptors} after ${warm} dumps`);
      if (last.threads > first.threads)
        fail(`the dumper has ${last.threads} threads, ${first.threads} after ${warm} dumps`);
      if (last.memory > first.memory + GROWTH)
        fail(`the dumper has grown from ${mib(first.memory)} to ${mib(last.memory)}`);
    }
    pauses.sort((a, b) => a - b);
    return {
      dumps: pauses.length,
      kinds: counts,
      ...(mode === 'snapshot' && { 'taken as a snapshot': snapshots }),
      'pause in ms, median and longest': `${ms(pauses[pauses.length >> 1])}, ${ms(pauses.at(-1))}`,
      'threads of the program': target.threads,
      'rounds of its tasks': sums?.rounds,
      'EINTRs, wrong results, time limits too early': sums && `${sums.eintrs}, ${sums.errors}, ${sums.early}`,
      'short calls, and those that the reports counted': sums && `${sums.shorts}, ${shortened}`,
      'descriptors, threads, memory of the dumper':
        first &&
        `${first.descriptors}, ${first.threads}, ${mib(first.memory)} after ${warm} dumps; ${last.descriptors}, ${last.threads}, ${mib(last.memory)} at the end`,
      warnings: notes,
    };
  } finally {
    dumper.kill('SIGKILL');
    await target.stop();
  }
}

function startDumper(context) {
  const dumper = fork(fileURLToPath(new URL('./dumper.js', import.meta.url)), {
    execArgv: ['--expose-gc'],
    serialization: 'advanced',
    env: { ...process.env, TMPDIR: context.work },
  });
  context.children.add(dumper);
  dumper.once('exit', () => context.children.delete(dumper));
  return dumper;
}

/** Has the dumper take a dump; `lost`: it has to be started anew. */
function ask(dumper, message) {
  return new Promise((resolve) => {
    if (!dumper.connected) return resolve({ error: 'the dumper has ended', lost: true });
    const done = (answer) => {
      clearTimeout(timer);
      dumper.off('message', answered).off('exit', ended);
      resolve(answer);
    };
    const answered = ({ report, error }) => done(report ?? { error });
    const ended = () => done({ error: 'the dumper has ended', lost: true });
    const timer = setTimeout(done, LIMIT_MS, { error: `no answer in ${LIMIT_MS / 1000} s`, lost: true });
    dumper.once('message', answered).once('exit', ended);
    dumper.send(message, (error) => error && ended());
  });
}

async function commandDump(commands, target, file, kind, mode) {
  const command = commands.start(target.pid, file, kind, mode, { more: ['--json'] });
  const timer = setTimeout(() => command.kill(), LIMIT_MS);
  const { status, signal, stdout, stderr } = await command.ended;
  clearTimeout(timer);
  if (status !== 0) return { error: `exit ${status ?? signal}: ${stderr.trim()}` };
  return JSON.parse(stdout);
}

/** The sums of the tasks; `fail` is told what they must not have seen. */
async function judge(context, target, where) {
  const { sums, faults } = await target.judge({ eintrs: true });
  for (const fault of faults) context.fail(`${where}: ${fault}`);
  return sums;
}

function measure(pid) {
  return {
    descriptors: descriptors(pid).length,
    threads: threadIds(pid).length,
    memory: residentMemory(pid),
  };
}

const mib = (bytes) => `${(bytes / (1 << 20)).toFixed(0)} MiB`;
const ms = (value) => value?.toFixed(1);
