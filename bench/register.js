// What mdmp/register takes of a service: time at its start, requests a second, time of its work.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { BenchError } from './error.js';
import { root } from './folders.js';
import { sleep, start } from './processes.js';
import { median, medianOf, ratio } from './statistics.js';
import { ms, times } from './text.js';

const register = join(root, 'dist', 'register', 'index.js');
const service = join(root, 'bench', 'register-service.js');
const STARTS = 20;
/** Of requests, in milliseconds; so many at a time. */
const SLICE = 400;
const CONNECTIONS = 8;

/** With all that costs anything while nothing happens. Node reads certificates at its start if it is told to. */
function environment(dumps) {
  const { NODE_EXTRA_CA_CERTS: _, MDMP_WATCHER: _w, ...env } = process.env;
  return { ...env, MDMP_DIR: dumps, MDMP_HANG: '1000' };
}

const sides = { without: [], with: ['--import', register] };
/** The sides in turn, another one first in each round. */
const inTurn = (round) => Object.keys(sides).sort(round % 2 ? (a, b) => (a < b ? 1 : -1) : undefined);

function startOf(side, env) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [...sides[side], '-e', '0'], { env });
  const wallMs = performance.now() - began;
  if (status !== 0) throw new BenchError(`node -e 0, ${side} mdmp/register: ${stderr}`);
  return { wallMs };
}

async function startService(side, env) {
  const child = start(process.execPath, [...sides[side], service], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...env, MDMP_WAIT: '1' },
  });
  const [text] = await once(child.stdout, 'data');
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const ask = (path) =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: Number(text), path, agent }, (response) => {
        let body = '';
        response.on('data', (piece) => {
          body += piece;
        });
        response.on('end', () => resolve(JSON.parse(body)));
      }).on('error', reject);
    });
  return { ask, stop: () => child.stdin.end() };
}

/** How many requests it answers in a slice of time, from so many connections. */
async function requests({ ask }) {
  const began = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() - began < SLICE) {
        await ask('/');
        count++;
      }
    }),
  );
  return { perSecond: (count * 1000) / (performance.now() - began) };
}

/** `runs`: how many rounds of requests and work; the starts have twenty, unless it is to be quick. */
export async function registering({ runs, quick, folder }) {
  const dumps = join(folder.path, 'registered');
  mkdirSync(dumps, { recursive: true });
  const env = environment(dumps);
  const results = { starts: {}, requests: {}, work: {} };
  const add = (part, side, result) => {
    results[part][side] ??= [];
    results[part][side].push(result);
  };
  for (let round = -1; round < (quick ? runs : STARTS); round++) {
    // The first ones fill the caches of files.
    for (const side of inTurn(round)) {
      const result = startOf(side, env);
      if (round >= 0) add('starts', side, result);
      // The watcher that has just been started ends; it shall not be in the time of the next one.
      await sleep(150);
    }
  }
  const services = {};
  try {
    for (const side of Object.keys(sides)) services[side] = await startService(side, env);
    for (let round = -1; round < 2 * runs; round++) {
      for (const side of inTurn(round)) {
        const result = await requests(services[side]);
        const { ms } = await services[side].ask('/work');
        if (round < 0) continue;
        add('requests', side, result);
        add('work', side, { ms });
      }
    }
  } finally {
    for (const { stop } of Object.values(services)) stop();
  }
  return results;
}

/** As Markdown. */
export function registerText({ starts, requests, work }) {
  const row = (what, part, key) => {
    const without = medianOf(part.without, key);
    const cells = [
      what,
      ms(without),
      ms(medianOf(part.with, key)),
      times(ratio(part.with, part.without, key)),
    ];
    return `| ${cells.join(' | ')} |`;
  };
  const more = median(starts.with.map(({ wallMs }, round) => wallMs - starts.without[round].wallMs));
  return [
    '## register: a service under `node --import mdmp/register`, with MDMP_HANG',
    '',
    '|  | without | with | ratio |',
    '|---|---:|---:|---:|',
    row('start of `node -e 0`, ms', starts, 'wallMs'),
    row('HTTP requests a second', requests, 'perSecond'),
    row('work of one thread, ms', work, 'ms'),
    '',
    `The start takes ${ms(more)} ms more (limit: 60 ms${more < 60 ? '' : ', NOT KEPT'}).`,
    '',
  ];
}
