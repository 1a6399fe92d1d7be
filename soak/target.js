// The program that is dumped: test/programs/busy.c, and what must hold of it after whatever was done to it.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { descriptors, sessionOf, sleep, statOf, threadIds, tracerOf } from './kernel.js';

const STAMP = 'the stamp of busy, 31 letters..\0';
/** How long the kernel may take to let go after a dumper was killed, and a task of the program to go round; milliseconds. */
const PATIENCE = 20_000;

export function compileBusy(root, work) {
  const program = join(work, 'busy');
  const source = join(root, 'test', 'programs', 'busy.c');
  const gcc = spawnSync('gcc', ['-O1', '-g', '-pthread', '-o', program, source], { encoding: 'utf8' });
  if (gcc.status !== 0) throw new Error(`gcc: ${gcc.error?.message ?? gcc.stderr}`);
  return program;
}

export class Target {
  #child;
  #lines = [];
  #wake = () => {};
  #ended = false;
  #descriptors;
  #rounds = new Map();
  /** What each task had against it when it was last asked. */
  #judged = new Map();
  /** Zombies that were found and allowed, by their ids. */
  zombies = new Set();

  constructor(program) {
    // A session of its own: all that is ever forked from it can be found by it.
    this.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#child.once('exit', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get ended() {
    return this.#ended;
  }

  static async start(program) {
    const target = new Target(program);
    const values = new Map((await target.#until('READY')).map((line) => line.split('=')));
    const range = (name) => {
      const [address, size] = values.get(name).split(' ');
      return { address: BigInt(address), size: Number(size) };
    };
    target.stamp = { ...range('stamp'), text: STAMP };
    target.wave = range('wave');
    // Once each task has gone round, all of its threads and descriptors are there.
    await target.#progress();
    await sleep(200);
    target.#descriptors = descriptors(target.pid);
    target.threads = threadIds(target.pid).length;
    return target;
  }

  async #until(last) {
    const end = performance.now() + PATIENCE;
    let timer;
    for (;;) {
      const at = this.#lines.indexOf(last);
      if (at >= 0) return this.#lines.splice(0, at + 1).slice(0, -1);
      if (this.#ended) throw new Error('the target has ended');
      const left = end - performance.now();
      if (left <= 0) throw new Error(`the target did not answer within ${PATIENCE / 1000} s`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }

  /** What the program says of itself: a map from the name of a task. */
  async report() {
    this.#child.stdin.write('report\n');
    const report = new Map();
    for (const line of await this.#until('END')) {
      const [name, numbers] = line.split('=');
      const [rounds, eintrs, errors, early, shorts, longest] = numbers.split(' ').map(Number);
      report.set(name, { rounds, eintrs, errors, early, shorts, longest });
    }
    return report;
  }

  /**
   * Sums over all tasks; and in words what they have seen since the last time that they must not see.
   *
   * @param eintrs whether EINTR is among that
   */
  async judge({ eintrs }) {
    const sums = { rounds: 0, eintrs: 0, errors: 0, early: 0, shorts: 0 };
    const faults = [];
    for (const [name, task] of await this.report()) {
      for (const key of Object.keys(sums)) sums[key] += task[key];
      for (const key of eintrs ? ['eintrs', 'errors', 'early'] : ['errors', 'early']) {
        const more = task[key] - (this.#judged.get(name)?.[key] ?? 0);
        if (more > 0) faults.push(`task ${name} has ${more} ${key} more`);
      }
      this.#judged.set(name, task);
    }
    return { sums, faults };
  }

  /** Waits until each task has gone round since the last time; gives the names of those that hang. */
  async #progress() {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const report = await this.report();
      const stuck = [...report].filter(([name, { rounds }]) => rounds <= (this.#rounds.get(name) ?? 0));
      if (stuck.length === 0 || performance.now() > end) {
        for (const [name, { rounds }] of report) this.#rounds.set(name, rounds);
        return stuck.map(([name]) => name);
      }
      await sleep(10);
    }
  }

  /**
   * What is wrong with it now that nobody should hold it any more; one line each. `progress`: also that each task goes on;
   * `zombies`: dead copies that nobody has waited for are counted and no fault.
   */
  async disturbances({ progress = true, zombies = false } = {}) {
    const faults = [];
    if (this.#ended) return ['the target has ended'];
    const held = await this.#outlast(() =>
      threadIds(this.pid)
        .map((tid) => ({ tid, stat: statOf(this.pid, tid), tracer: tracerOf(this.pid, tid) }))
        .filter(({ stat, tracer }) => tracer !== 0 || /[tT]/.test(stat?.state ?? '')),
    );
    for (const { tid, stat, tracer } of held)
      faults.push(`thread ${tid} is left in state ${stat?.state} with tracer ${tracer}`);
    // Its own children live for some 30 ms each: those that are still there much later are not its own.
    const seen = sessionOf(this.pid).filter(({ pid }) => !this.zombies.has(pid));
    const left = await this.#outlast(
      () => {
        const now = new Set(sessionOf(this.pid).map(({ pid }) => pid));
        return seen.filter(({ pid }) => now.has(pid));
      },
      zombies ? 1000 : PATIENCE,
    );
    for (const { pid } of left) {
      const stat = statOf(pid);
      if (stat === undefined) continue;
      if (stat.state === 'Z' && stat.exitSignal === 0 && zombies) {
        this.zombies.add(pid);
        continue;
      }
      faults.push(
        `process ${pid} (${stat.name}, state ${stat.state}, exit signal ${stat.exitSignal}) is left`,
      );
      this.zombies.add(pid);
      if (stat.state !== 'Z') process.kill(pid, 'SIGKILL');
    }
    if (faults.length === 0 && progress)
      for (const name of await this.#progress()) faults.push(`task ${name} does not go on`);
    const files = descriptors(this.pid);
    if (files.length !== this.#descriptors.length)
      faults.push(`${files.length} open files, ${this.#descriptors.length} at the start`);
    return faults;
  }

  /** Asks until the answer is an empty list, or for so many milliseconds. */
  async #outlast(ask, patience = PATIENCE) {
    const end = performance.now() + patience;
    for (;;) {
      const found = ask();
      if (found.length === 0 || performance.now() > end) return found;
      await sleep(5);
    }
  }

  /** Ends it at once, for a process that is about to exit. */
  kill() {
    if (!this.#ended) this.#child.kill('SIGKILL');
  }

  async stop() {
    if (this.#ended) return;
    this.#child.stdin.end('quit\n');
    await this.#outlast(() => (this.#ended ? [] : [this]), 5000);
    this.kill();
    await this.#outlast(() => (this.#ended ? [] : [this]), 5000);
  }
}
