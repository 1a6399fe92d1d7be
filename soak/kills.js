// Part 2: the command is killed (-9) at a random moment, and the program lives on.
//
// Moments are drawn in three ways in turn: over the whole life of the command; from the moment when it is seen to hold the
// program, 0 to 3 ms later (the first time, or the second where there is one); from the moment when it has let it go, 0 to
// 30 ms later, while the file is written or a snapshot is read.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Commands, commandKinds } from './command.js';
import { inspect } from './inspect.js';
import { statOf, tracerOf } from './kernel.js';
import { count } from './tally.js';
import { Target } from './target.js';

const STOP_MS = 3;
const AFTER_MS = 30;
const LIMIT_MS = 60_000;

export async function soakKills(context) {
  const { mode, kills, random, work, root, program, fail, progress } = context;
  const commands = new Commands(root, work);
  const folder = context.folder('kills');
  const target = await Target.start(program);
  context.targets.add(target);
  const moments = {};
  const outcomes = {};
  try {
    const life = await typicalLife(commands, target, folder, mode);
    for (let i = 0; i < kills && !target.ended; i++) {
      const kind = random.pick(commandKinds);
      const moment = drawMoment(random, life, mode);
      const where = `kill ${i} (${kind}, ${moment.name}, +${moment.ms.toFixed(2)} ms)`;
      const name = `${i}.dmp`;
      const command = commands.start(target.pid, join(folder, name), kind, mode);
      const reached = await waitForMoment(command, target.pid, moment);
      command.kill();
      const { status, signal, stderr } = await command.ended;
      count(moments, moment.name);
      if (signal === 'SIGKILL') count(outcomes, reached ? 'killed' : 'killed, but not at that moment');
      else if (status === 0) count(outcomes, 'was ready before');
      else fail(`${where}: exit ${status ?? signal}: ${stderr.trim()}`);
      for (const fault of await target.disturbances({ zombies: mode === 'snapshot' }))
        fail(`${where}: ${fault}`);
      const left = readdirSync(folder);
      for (const file of left.filter((file) => file !== name))
        fail(`${where}: ${file} is left in the folder`);
      // What has a name is whole.
      if (left.includes(name))
        for (const fault of inspect(join(folder, name), kind, target)) fail(`${where}: ${fault}`);
      for (const file of left) rmSync(join(folder, file));
      if (!target.ended)
        for (const fault of (await target.judge({ eintrs: false })).faults) fail(`${where}: ${fault}`);
      progress(i + 1, kills);
    }
    const sums = target.ended ? undefined : (await target.judge({ eintrs: false })).sums;
    return {
      moments,
      outcomes,
      'life of a command in ms': Math.round(life),
      'rounds of the tasks of the program': sums?.rounds,
      'wrong results, time limits too early': sums && `${sums.errors}, ${sums.early}`,
      'EINTRs (a tracer that was killed can heal none)': sums?.eintrs,
      'zombies until the program ends': target.zombies.size,
    };
  } finally {
    await target.stop();
  }
}

/** Median of a few undisturbed commands, in milliseconds. */
async function typicalLife(commands, target, folder, mode) {
  const lives = [];
  for (let i = 0; i < 5; i++) {
    const file = join(folder, 'whole.dmp');
    const began = performance.now();
    const { status, stderr } = await commands.start(target.pid, file, 'normal', mode).ended;
    if (status !== 0) throw new Error(`a dump that nobody disturbed failed: ${stderr.trim()}`);
    lives.push(performance.now() - began);
    rmSync(file);
  }
  return lives.sort((a, b) => a - b)[2];
}

function drawMoment(random, life, mode) {
  switch (random.below(3)) {
    case 0:
      return { name: 'life', ms: random.next() * 1.1 * life };
    case 1: {
      const nth = mode === 'snapshot' ? 1 + random.below(2) : 1;
      return { name: `stop ${nth}`, stops: nth, ms: random.next() * STOP_MS };
    }
    default:
      return { name: 'after', stops: 1, released: true, ms: random.next() * AFTER_MS };
  }
}

/** False if the command came to its end before the moment came. Moments in a stop are waited for without sleeping. */
async function waitForMoment(command, pid, { stops, released, ms }) {
  if (stops === undefined) {
    const early = await Promise.race([command.ended, new Promise((resolve) => setTimeout(resolve, ms))]);
    return early === undefined;
  }
  const end = performance.now() + LIMIT_MS;
  const until = (condition) => {
    for (let n = 0; performance.now() < end; n++) {
      if (condition()) return true;
      if (n % 16 === 0 && /[ZX]/.test(statOf(command.pid)?.state ?? 'X')) return false;
    }
    return false;
  };
  for (let n = 0; n < stops; n++) {
    if (n > 0 && !until(() => tracerOf(pid) === 0)) return false;
    if (!until(() => tracerOf(pid) !== 0)) return false;
  }
  if (released && !until(() => tracerOf(pid) === 0)) return false;
  const moment = performance.now() + ms;
  while (performance.now() < moment) {}
  return true;
}
