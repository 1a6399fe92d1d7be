/**
 * The tracer thread: the only one that calls ptrace, a worker of its own.
 *
 * ptrace belongs to one OS thread, and three things follow that made it a thread apart from the caller's. A callback that
 * never returns, or a disk that does not answer, blocks the caller, and then somebody else must be able to let the target
 * go: this thread waits for commands with a time limit, and when that passes it detaches. A thread of the target that
 * does not stop (state D) cannot be detached; only the end of its tracer takes the seize back, so this thread ends after
 * every dump. And its stops are reported to this process's SIGCHLD machinery only while the caller is blocked in the
 * dump and not in its event loop, so libuv's own waitpid cannot take the stop of a child_process child.
 *
 * If the whole process dies, the kernel lets the target go on: it is seized, never sent SIGSTOP.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { cpus, parseSyscall } from '../../linux/cpu/index.js';
import { parseMaps } from '../../linux/maps.js';
import { libc } from '../../node/libc.js';
import { bindWaitid, collect, hasEnded, type Waitid } from './ended-threads.js';
import { ProcessMemory } from './memory.js';
import { listThreads, MapsFile, readText, stateIn } from './procfs.js';
import { Event, Ptrace, Request } from './ptrace.js';
import { captureQuickly, type QuickPlan } from './quick-capture.js';
import { type RegisterAccess, registerAccess } from './register-access.js';
import { RemoteMemory } from './remote-memory.js';
import { FrozenCopy } from './snapshot/frozen-copy.js';
import {
  Answer,
  type Command,
  Control,
  Outcome,
  type QuickAnswer,
  Slot,
  State,
  slotSize,
  TIMES_OFFSET,
  Times,
  type TracerOptions,
  writeText,
} from './tracer-protocol.js';

const EPERM = 1;
const ESRCH = 3;

/** How long a thread may take to stop, in milliseconds: one that sits in the kernel (D), and any other. */
const PATIENCE_D = 100;
const PATIENCE = 2_000;
/** Stops come within 0.3 ms; so long it pays to ask without sleeping. */
const SPIN_MS = 1;

const {
  control,
  pid,
  answers,
  cpu: cpuName,
  xstate,
  maxPause,
  abandonExitCode,
  abandonMessage,
} = awaitOptions();
const cpu = cpus[cpuName];
const SLOT = slotSize(xstate);
const words = new Int32Array(control, 0, Control.Words);
const times = new Float64Array(control, TIMES_OFFSET, Times.Count);

interface Traced {
  stopped: boolean;
  exited: boolean;
  /** When it is seized, and let go. */
  readonly rank: number;
}
const traced = new Map<number, Traced>();

let ptrace: Ptrace;
let registersOf: RegisterAccess;
let waitid: Waitid;
let memory: RemoteMemory;
let ownTid: () => number;
let copy: FrozenCopy | undefined;
const info = new Int32Array(32);

/**
 * Waits for the dump that this thread is for (tracer-start.ts). Until then nothing native is loaded: a thread that is ended while
 * koffi loads takes the whole process with it, and one that nobody needs is ended at any time.
 */
function awaitOptions(): TracerOptions {
  Atomics.wait(workerData as Int32Array, 0, 0);
  return (receiveMessageOnPort(parentPort!) as { message: TracerOptions }).message;
}

function bind(): void {
  waitid = bindWaitid();
  ptrace = new Ptrace(waitid);
  registersOf = registerAccess(cpuName);
  memory = new RemoteMemory();
  ownTid = libc('int gettid(void)') as () => number;
  // The first call of each costs a millisecond of compilation: not inside a stop.
  registersOf.read(0);
  registersOf.readFloatingPoint(0);
  registersOf.readXsave(0, 8);
}

const now = () => performance.timeOrigin + performance.now();

/** State letter of a thread, or undefined once it is gone. */
const stateOf = (tid: number) => stateIn(`/proc/${pid}/task/${tid}/stat`);

/** Seizes and interrupts `tids`, then waits for them: interrupting first makes 1,000 threads a matter of 7 ms. */
function stop(tids: readonly number[], results: SharedArrayBuffer): void {
  const view = new DataView(results);
  const ranks = ranksOf(tids);
  if (traced.size === 0) {
    times[Times.HoldStart] = now();
    Atomics.store(words, Control.State, State.Holding);
  }
  for (const group of groupsOf(ranks)) {
    const waiting: number[] = [];
    for (const i of group) {
      const [outcome, code] = seize(tids[i]!, ranks[i]!);
      view.setInt32(i * SLOT + Slot.Outcome, outcome, true);
      view.setInt32(i * SLOT + Slot.Errno, code, true);
      if (outcome === Outcome.Stopped) waiting.push(i);
    }
    for (const i of awaitStops(tids, waiting, view)) {
      const state = traced.get(tids[i]!)!;
      view.setInt32(i * SLOT + Slot.Outcome, state.exited ? Outcome.Gone : Outcome.Unstoppable, true);
    }
  }
}

/** Threads in calls that give EINTR, others, and those that signals of the process come to. */
const Rank = { Interruptible: 0, Other: 1, Signalled: 2 } as const;
const RANKS = Object.values(Rank);
/** A thread that is interrupted and not healed yet gets its EINTR if this process is killed now: so many at once may. */
const EXPOSED = 8;

/** Indices of the threads that are seized together. */
function groupsOf(ranks: readonly number[]): number[][] {
  return RANKS.flatMap((rank) => {
    const members = [...ranks.keys()].filter((i) => ranks[i] === rank);
    if (rank !== Rank.Interruptible) return [members];
    const groups: number[][] = [];
    for (let i = 0; i < members.length; i += EXPOSED) groups.push(members.slice(i, i + EXPOSED));
    return groups;
  });
}

/**
 * In which order threads are seized; they are let go the other way round.
 *
 * While a thread is traced, signals that the process ignores (SIGCHLD, mostly) are queued for it instead of dropped, and the
 * kernel may wake another thread for them. One that is not seized yet, or not any more, then sees an EINTR that nobody
 * can heal: about 1 in 1,000 stops of a program that forks all the time, before there was this order. Such signals come to the main thread
 * (kill), and to those that have children: so long as these are free, nothing is queued. (Found by the soak: 18 EINTRs in 400
 * dumps of a program that got a SIGCHLD every 0.2 ms, and none afterwards.)
 */
function ranksOf(tids: readonly number[]): number[] {
  return tids.map((tid) => {
    const folder = `/proc/${pid}/task/${tid}`;
    if (tid === pid || read(`${folder}/children`) !== '') return Rank.Signalled;
    return cpu.isInterruptible(Number.parseInt(read(`${folder}/syscall`), 10))
      ? Rank.Interruptible
      : Rank.Other;
  });
}

/** A small file of /proc; empty where the thread is gone, or it may not be seen. */
const read = (path: string) => readText(path) ?? '';

function seize(tid: number, rank: number): [outcome: number, errno: number] {
  if (ptrace.request(Request.SEIZE, tid) < 0) {
    const code = ptrace.errno;
    const state = stateOf(tid);
    // A thread that is ending answers EPERM or ESRCH, according to how far it has come.
    if (state === undefined || state === 'Z' || state === 'X') return [Outcome.Gone, code];
    return [code === ESRCH ? Outcome.Gone : Outcome.Refused, code || EPERM];
  }
  traced.set(tid, { stopped: false, exited: false, rank });
  // A thread stopped by SIGSTOP reports its stop by itself. It is interrupted all the same: a SIGCONT may come in between. The kernel
  // forgets of that when it is let go, and has it stand in its stop as before.
  ptrace.request(Request.INTERRUPT, tid);
  return [Outcome.Stopped, 0];
}

/**
 * Waits until each thread stands, heals its call, and takes its registers. Gives those that did not stop.
 */
function awaitStops(tids: readonly number[], waiting: readonly number[], view: DataView): number[] {
  const started = performance.now();
  let left = [...waiting];
  let lastLook = started;
  while (left.length > 0) {
    left = left.filter((i) => !takeStop(tids[i]!, i, view));
    const elapsed = performance.now() - started;
    if (left.length === 0) break;
    if (elapsed > SPIN_MS) ptrace.pause(50);
    if (elapsed > PATIENCE) break;
    if (performance.now() - lastLook > 10) {
      lastLook = performance.now();
      const states = left.map((i) => (noticeExit(tids[i]!) ? 'X' : stateOf(tids[i]!)));
      const lost = (state: string | undefined) => state === undefined || state === 'X' || state === 'Z';
      if (states.every((state) => lost(state) || (state === 'D' && elapsed > PATIENCE_D))) {
        left.forEach((i, n) => {
          if (lost(states[n])) traced.get(tids[i]!)!.exited = true;
        });
        break;
      }
    }
  }
  return left;
}

/** Consumes one report of the thread, if there is one. True once it stands in our stop and its registers are taken. */
function takeStop(tid: number, index: number, view: DataView): boolean {
  const status = ptrace.nextStop(tid);
  if (status === undefined) return false;
  if (status >> 8 !== Event.STOP) {
    // A signal came first: pass it on at once. Any trap clears a pending INTERRUPT (kernel/signal.c, ptrace_stop), so
    // ask again; without that, 1 dump in 1,000 of a program that forks all the time waited for its whole patience.
    const before = registersOf.read(tid);
    if (before !== undefined) heal(tid, before);
    ptrace.request(Request.CONT, tid, 0, status & 0xff);
    ptrace.request(Request.INTERRUPT, tid);
    return false;
  }
  const registers = registersOf.read(tid);
  if (registers === undefined) return false;
  const state = traced.get(tid)!;
  state.stopped = true;
  const slot = index * SLOT;
  const store = (at: number, bytes: Uint8Array) =>
    new Uint8Array(view.buffer, slot + at, bytes.length).set(bytes);
  store(Slot.Registers, new Uint8Array(registers.buffer));
  view.setInt32(slot + Slot.Shortened, cpu.isShortenedCall(registers) ? 1 : 0, true);
  if (!heal(tid, registers)) view.setInt32(slot + Slot.Interrupted, 1, true);
  store(Slot.FloatingPoint, registersOf.readFloatingPoint(tid));
  if (xstate) {
    const xsave = registersOf.readXsave(tid, Slot.XsaveSize);
    store(Slot.Xsave, xsave);
    view.setInt32(slot + Slot.XsaveLength, xsave.length, true);
  }
  return true;
}

/** Heals the call of a stopped thread if it would return EINTR; gives false if it will all the same. */
function heal(tid: number, registers: BigInt64Array): boolean {
  if (!cpu.isInterrupted(registers)) return true;
  if (cpu.heal === undefined || registersOf.write === undefined) return false;
  cpu.heal(registers);
  return registersOf.write(tid, registers);
}

/**
 * Whether a traced thread has ended. Its exit is collected unless it is the thread-group leader: that one may be a child
 * of this process, whose exit status belongs to the event loop; the end of this thread hands it back.
 */
function noticeExit(tid: number): boolean {
  if (!hasEnded(waitid, tid, info)) return false;
  if (tid !== pid) collect(waitid, tid, info);
  return true;
}

/** Lets every thread go. What cannot be detached is dead, or is set free by the end of this thread. */
function resume(): void {
  const all = [...traced].sort(([, x], [, y]) => y.rank - x.rank);
  for (const [tid, state] of all) {
    if (state.stopped && ptrace.request(Request.DETACH, tid) >= 0) continue;
    if (!noticeExit(tid)) Atomics.store(words, Control.FreedByEnd, ownTid());
  }
  traced.clear();
  // 0: there was nothing to stop.
  const started = times[Times.HoldStart]!;
  if (started > 0) times[Times.Held]! += now() - started;
  times[Times.HoldStart] = 0;
}

function reply(): void {
  Atomics.add(words, Control.Reply, 1);
  Atomics.notify(words, Control.Reply);
}

function serve(port: MessagePort): void {
  let seen = 0;
  for (;;) {
    const held = traced.size > 0;
    const left = held ? times[Times.HoldStart]! + maxPause - now() : Number.POSITIVE_INFINITY;
    const woken = left > 0 && Atomics.wait(words, Control.Request, seen, left) !== 'timed-out';
    if (!woken) {
      Atomics.store(words, Control.State, State.Expired);
      resume();
      copy?.kill();
      abandon();
      return;
    }
    seen = Atomics.load(words, Control.Request);
    const message = receiveMessageOnPort(port) as { message: Command } | undefined;
    if (message === undefined) continue;
    try {
      perform(message.message);
    } catch (error) {
      // What is half done on a thread of the target is healed as soon as it is let go (snapshot/guard.ts).
      resume();
      if ('results' in message.message) writeText(message.message.results, String((error as Error).message));
      Atomics.store(words, Control.State, State.Broken);
    }
    const state = Atomics.load(words, Control.State);
    reply();
    if (state === State.Ended || state === State.Broken) return;
  }
}

function perform(command: Command): void {
  switch (command.kind) {
    case 'stop':
      stop(command.threads, command.results);
      break;
    case 'capture':
      capture(command.plan);
      break;
    case 'arm': {
      const context = {
        ptrace,
        registersOf,
        memory,
        gadgets: command.gadgets,
        hasEnded: (tid: number) => hasEnded(waitid, tid, info),
        // A fork takes as long as the process is large; it may take all of the time that there is.
        get limit() {
          const started = times[Times.HoldStart]!;
          return started === 0 ? maxPause : Math.max(1, started + maxPause - now());
        },
      };
      copy = new FrozenCopy(context);
      break;
    }
    case 'fork': {
      const { pid: copyPid, ownPid, why } = copy!.fork(command.candidates);
      const answer = new Int32Array(command.results);
      answer[Answer.Pid] = copyPid;
      answer[Answer.OwnPid] = ownPid;
      writeText(command.results, why);
      break;
    }
    case 'collect':
      new Int32Array(command.results)[Answer.Pid] = copy?.collect(command.candidates, command.ownPid) ? 1 : 0;
      break;
    case 'kill-copy':
      copy?.kill();
      break;
    case 'resume':
      resume();
      Atomics.store(words, Control.State, State.Ready);
      break;
    case 'release':
      resume();
      copy?.kill();
      Atomics.store(words, Control.State, State.Ended);
  }
}

/** The stop has expired and the target runs. If the caller hangs in native code, end a command, with a word of why. */
function abandon(): void {
  reply();
  if (abandonExitCode === undefined) return;
  if (Atomics.wait(words, Control.Acknowledged, 0, 1_000) === 'timed-out') {
    const line = Buffer.from(abandonMessage);
    libc('int64_t write(int fd, void *bytes, size_t count)')(2, line, line.length);
    libc('void _exit(int status)')(abandonExitCode);
  }
}

/**
 * Stops all threads, copies what the plan says, and lets them go: see quick-capture.ts. Where the maps have changed, or it is too much,
 * they go on to stand still.
 */
function capture(plan: QuickPlan): void {
  const mappings = parseMaps(Buffer.from(plan.maps).toString('utf8'));
  const process = new ProcessMemory(pid, plan.via);
  const mapsFile = new MapsFile(pid, plan.via);
  process.use(mappings);
  process.trusting = true;
  try {
    // What runs for the first time is compiled: not inside the stop.
    const at = parseSyscall(read(`/proc/${pid}/task/${plan.via}/syscall`));
    const about = at === undefined ? [] : [cpu.registersAt(at.stackPointer, at.instructionPointer)];
    for (const still of [false, true]) {
      process.still = still;
      captureQuickly(process, mappings, cpu, about, plan);
    }
    mapsFile.read();
    process.still = true;
    const threads: number[] = [];
    const results = new GrowingSlots();
    // Only a running thread can make new ones: a pass that finds none unknown proves that all stand.
    for (;;) {
      const fresh = listThreads(pid).filter((tid) => !threads.includes(tid));
      if (fresh.length === 0) break;
      stop(fresh, results.for(fresh.length));
      for (const tid of fresh) threads.push(tid);
    }
    const maps = mapsFile.read();
    // What does not stop has no registers here, and needs a second look.
    const known = maps.equals(Buffer.from(plan.maps)) && !results.has(Outcome.Unstoppable);
    const stopped = results.stopped();
    const parts = known ? captureQuickly(process, mappings, cpu, stopped, plan) : undefined;
    if (parts !== undefined) {
      resume();
      Atomics.store(words, Control.State, State.Ready);
    }
    const answer: QuickAnswer = { threads, results: results.all(), maps, parts };
    answers.postMessage(answer);
  } finally {
    process[Symbol.dispose]();
  }
}

/** The slots of several stops. */
class GrowingSlots {
  readonly #buffers: SharedArrayBuffer[] = [];

  for(threads: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(threads * SLOT);
    this.#buffers.push(buffer);
    return buffer;
  }

  has(outcome: number): boolean {
    return this.#buffers.some((buffer) => {
      const view = new DataView(buffer);
      for (let at = 0; at < buffer.byteLength; at += SLOT) {
        if (view.getInt32(at + Slot.Outcome, true) === outcome) return true;
      }
      return false;
    });
  }

  /** The registers of the threads that stand. */
  stopped(): BigUint64Array[] {
    return this.#buffers.flatMap((buffer) => {
      const view = new DataView(buffer);
      return Array.from({ length: buffer.byteLength / SLOT }, (_, i) => i)
        .filter((i) => view.getInt32(i * SLOT + Slot.Outcome, true) === Outcome.Stopped)
        .map((i) => new BigUint64Array(buffer, i * SLOT + Slot.Registers, cpu.registerWords));
    });
  }

  all(): SharedArrayBuffer {
    if (this.#buffers.length === 1) return this.#buffers[0]!;
    const total = this.#buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const all = new Uint8Array(new SharedArrayBuffer(total));
    let at = 0;
    for (const buffer of this.#buffers) {
      all.set(new Uint8Array(buffer), at);
      at += buffer.byteLength;
    }
    return all.buffer as SharedArrayBuffer;
  }
}

/** What runs for the first time is compiled: not inside a stop. No thread has the id 0. */
function warm(): void {
  const nobody = new DataView(new ArrayBuffer(SLOT));
  ranksOf([pid, 0]);
  seize(0, Rank.Other);
  takeStop(0, 0, nobody);
  awaitStops([], [], nobody);
  noticeExit(0);
  heal(0, new BigInt64Array(cpu.registerWords));
  resume();
}

try {
  bind();
  warm();
  Atomics.store(words, Control.State, State.Ready);
  reply();
} catch {
  Atomics.store(words, Control.State, State.Failed);
  reply();
}
if (Atomics.load(words, Control.State) === State.Ready) serve(parentPort!);
// The thread must end now: its end is what sets free a thread that never stopped.
parentPort!.close();
