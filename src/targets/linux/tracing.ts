import type { MessagePort } from 'node:worker_threads';
import { cpus, parseSyscall } from '../../linux/cpu/index.js';
import { parseMaps } from '../../linux/maps.js';
import { libc } from '../../node/libc.js';
import { ProcessMemory } from './memory.js';
import { MapsFile, readText } from './procfs.js';
import { captureQuickly, type QuickPlan } from './quick-capture.js';
import { RemoteMemory } from './remote-memory.js';
import { type Candidate, FrozenCopy } from './snapshot/frozen-copy.js';
import type { Stopper } from './stopper.js';
import {
  Answer,
  type Command,
  Control,
  Outcome,
  type QuickAnswer,
  State,
  TIMES_OFFSET,
  Times,
  type TracerOptions,
  writeText,
} from './tracer-protocol.js';

const memory = new RemoteMemory();

const now = () => performance.timeOrigin + performance.now();

/** Between two looks at what else the thread has to do, in milliseconds. */
const MEANWHILE = 2;
/** The same where there was something: more may follow at once, as signals do that are passed on one by one. */
const BUSY = 0.05;

/** The thread that a dump is served by. */
export interface TracingHost {
  /** What stops the threads of the process. */
  stopper(options: TracerOptions): Stopper;
  /** The next command of the dump, if there is one. */
  receive(): Command | undefined;
  /** Where answers go that are no numbers. */
  readonly answers: MessagePort;
  /** What else has to be done while the dump's next command is waited for; gives whether there was something. */
  readonly meanwhile?: (() => boolean) | undefined;
  /** Somebody wants this thread to end, and will not send another command. */
  readonly isOver?: (() => boolean) | undefined;
}

/** One dump of a process. */
export class Tracing {
  readonly #options: TracerOptions;
  readonly #host: TracingHost;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  #stopper: Stopper | undefined;
  #copy: FrozenCopy | undefined;

  constructor(options: TracerOptions, host: TracingHost) {
    this.#options = options;
    this.#host = host;
    this.#words = new Int32Array(options.control, 0, Control.Words);
    this.#times = new Float64Array(options.control, TIMES_OFFSET, Times.Count);
  }

  /** Gives whether this thread may serve another dump. */
  run(): boolean {
    try {
      this.#stopper = this.#host.stopper(this.#options);
      this.#state = State.Ready;
    } catch {
      this.#state = State.Failed;
    }
    this.#reply();
    if (this.#stopper === undefined) return false;
    this.#serve(this.#stopper);
    return this.#state === State.Ended && Atomics.load(this.#words, Control.FreedByEnd) === 0;
  }

  get #state(): number {
    return Atomics.load(this.#words, Control.State);
  }

  set #state(state: number) {
    Atomics.store(this.#words, Control.State, state);
  }

  #serve(stopper: Stopper): void {
    const { maxPause } = this.#options;
    let seen = 0;
    for (;;) {
      const left = stopper.holds
        ? this.#times[Times.HoldStart]! + maxPause - now()
        : Number.POSITIVE_INFINITY;
      if (!this.#awaitRequest(seen, left)) {
        this.#state = State.Expired;
        this.#resume(stopper);
        this.#killCopy();
        this.#abandon();
        return;
      }
      seen = Atomics.load(this.#words, Control.Request);
      const command = this.#host.receive();
      if (command === undefined) continue;
      try {
        this.#perform(command, stopper);
      } catch (error) {
        // What is half done on a thread of the target is healed as soon as it is let go (snapshot/guard.ts).
        this.#resume(stopper);
        if ('results' in command) writeText(command.results, String((error as Error).message));
        this.#state = State.Broken;
      }
      // The caller may go on as soon as it has its reply, and start another dump.
      const state = this.#state;
      this.#reply();
      if (state === State.Ended || state === State.Broken) return;
    }
  }

  /** Waits for the request after `seen`, for so many milliseconds; gives whether it came. */
  #awaitRequest(seen: number, limit: number): boolean {
    const { meanwhile } = this.#host;
    if (meanwhile === undefined) {
      return limit > 0 && Atomics.wait(this.#words, Control.Request, seen, limit) !== 'timed-out';
    }
    const deadline = now() + limit;
    let pause = MEANWHILE;
    for (let left = limit; left > 0; left = deadline - now()) {
      if (Atomics.wait(this.#words, Control.Request, seen, Math.min(left, pause)) !== 'timed-out')
        return true;
      pause = meanwhile() ? BUSY : MEANWHILE;
      if (this.#host.isOver?.()) return false;
    }
    return false;
  }

  #perform(command: Command, stopper: Stopper): void {
    // What stands for a signal would lose it by a call: found with 2,443 numbered ones during two snapshots, of which one was missing.
    const callable = (candidates: readonly Candidate[]) =>
      candidates.filter(({ tid }) => stopper.mayCall(tid));
    switch (command.kind) {
      case 'stop':
        this.#hold(stopper);
        stopper.stop(command.threads, command.results);
        break;
      case 'capture':
        this.#capture(command.plan, stopper);
        break;
      case 'arm':
        this.#copy = this.#arm(command, stopper);
        break;
      case 'fork': {
        const { pid: copyPid, ownPid, why } = this.#copy!.fork(callable(command.candidates));
        const answer = new Int32Array(command.results);
        answer[Answer.Pid] = copyPid;
        answer[Answer.OwnPid] = ownPid;
        writeText(command.results, why);
        break;
      }
      case 'collect':
        new Int32Array(command.results)[Answer.Pid] = this.#copy?.collect(
          callable(command.candidates),
          command.ownPid,
        )
          ? 1
          : 0;
        break;
      case 'kill-copy':
        this.#killCopy();
        break;
      case 'resume':
        this.#resume(stopper);
        this.#state = State.Ready;
        break;
      case 'release':
        this.#resume(stopper);
        this.#killCopy();
        this.#state = State.Ended;
    }
  }

  /** From here on threads of the target may stand still. */
  #hold(stopper: Stopper): void {
    if (stopper.holds) return;
    this.#times[Times.HoldStart] = now();
    this.#state = State.Holding;
  }

  #resume(stopper: Stopper): void {
    if (!stopper.resume()) this.#mustEnd();
    // 0: there was nothing to stop.
    const started = this.#times[Times.HoldStart]!;
    if (started > 0) this.#times[Times.Held]! += now() - started;
    this.#times[Times.HoldStart] = 0;
  }

  /** The copy is ended with this thread in any case. */
  #killCopy(): void {
    if (this.#copy?.kill() === false) this.#mustEnd();
  }

  #mustEnd(): void {
    Atomics.store(this.#words, Control.FreedByEnd, libc('int gettid(void)')() as number);
  }

  #arm({ gadgets }: Command & { kind: 'arm' }, stopper: Stopper): FrozenCopy {
    const times = this.#times;
    const { maxPause } = this.#options;
    return new FrozenCopy({
      ptrace: stopper.ptrace,
      registersOf: stopper.registersOf,
      memory,
      gadgets,
      hasEnded: (tid: number) => stopper.hasEnded(tid),
      // A fork takes as long as the process is large; it may take all of the time that there is.
      get limit() {
        const started = times[Times.HoldStart]!;
        return started === 0 ? maxPause : Math.max(1, started + maxPause - now());
      },
    });
  }

  /**
   * Stops all threads, copies what the plan says, and lets them go: see quick-capture.ts. Where the maps have changed, or it is too
   * much, they go on to stand still.
   */
  #capture(plan: QuickPlan, stopper: Stopper): void {
    const { pid, cpu: cpuName } = this.#options;
    const cpu = cpus[cpuName];
    const mappings = parseMaps(Buffer.from(plan.maps).toString('utf8'));
    const process = new ProcessMemory(pid, plan.via);
    const mapsFile = new MapsFile(pid, plan.via);
    process.use(mappings);
    process.trusting = true;
    try {
      // What runs for the first time is compiled: not inside the stop.
      const at = parseSyscall(readText(`/proc/${pid}/task/${plan.via}/syscall`) ?? '');
      const about = at === undefined ? [] : [cpu.registersAt(at.stackPointer, at.instructionPointer)];
      for (const still of [false, true]) {
        process.still = still;
        captureQuickly(process, mappings, cpu, about, plan);
      }
      mapsFile.read();
      process.still = true;
      this.#hold(stopper);
      const { threads, slots } = stopper.stopAll();
      const maps = mapsFile.read();
      // What does not stop has no registers here, and needs a second look.
      const known = maps.equals(Buffer.from(plan.maps)) && !slots.has(Outcome.Unstoppable);
      const parts = known ? captureQuickly(process, mappings, cpu, slots.stopped(), plan) : undefined;
      if (parts !== undefined) {
        this.#resume(stopper);
        this.#state = State.Ready;
      }
      const answer: QuickAnswer = { threads, results: slots.joined(), maps, parts };
      this.#host.answers.postMessage(answer);
    } finally {
      process[Symbol.dispose]();
    }
  }

  /** The stop has expired and the target runs. If the caller hangs in native code, end a command, with a word of why. */
  #abandon(): void {
    const { abandonExitCode, abandonMessage } = this.#options;
    this.#reply();
    if (abandonExitCode === undefined) return;
    if (Atomics.wait(this.#words, Control.Acknowledged, 0, 1_000) === 'timed-out') {
      const line = Buffer.from(abandonMessage);
      libc('int64_t write(int fd, void *bytes, size_t count)')(2, line, line.length);
      libc('void _exit(int status)')(abandonExitCode);
    }
  }

  #reply(): void {
    Atomics.add(this.#words, Control.Reply, 1);
    Atomics.notify(this.#words, Control.Reply);
  }
}
