/**
 * The tracer thread: the only one that calls ptrace, a worker of its own. It serves one dump after the other (tracer-start.ts).
 *
 * ptrace belongs to one OS thread, and three things follow that made it a thread apart from the caller's. A callback that
 * never returns, or a disk that does not answer, blocks the caller, and then somebody else must be able to let the target
 * go: this thread waits for commands with a time limit, and when that passes it detaches. A thread of the target that
 * does not stop (state D) cannot be detached; only the end of its tracer takes the seize back, so this thread ends after
 * such a dump. And its stops are reported to this process's SIGCHLD machinery only while the caller is blocked in the
 * dump and not in its event loop, so libuv's own waitpid cannot take the stop of a child_process child.
 *
 * If the whole process dies, the kernel lets the target go on: it is seized, never sent SIGSTOP.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { cpus, parseSyscall } from '../../linux/cpu/index.js';
import { parseMaps } from '../../linux/maps.js';
import { libc } from '../../node/libc.js';
import { ProcessMemory } from './memory.js';
import { MapsFile, readText } from './procfs.js';
import { captureQuickly, type QuickPlan } from './quick-capture.js';
import { RemoteMemory } from './remote-memory.js';
import { FrozenCopy } from './snapshot/frozen-copy.js';
import { ThreadStopper } from './thread-stopper.js';
import {
  Answer,
  type Command,
  Control,
  Outcome,
  type QuickAnswer,
  State,
  TIMES_OFFSET,
  Times,
  type TracerData,
  type TracerOptions,
  writeText,
} from './tracer-protocol.js';

const { gate, answers } = workerData as TracerData;
const memory = new RemoteMemory();

const now = () => performance.timeOrigin + performance.now();

/** One dump of a process. */
class Tracing {
  readonly #options: TracerOptions;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  #stopper: ThreadStopper | undefined;
  #copy: FrozenCopy | undefined;

  constructor(options: TracerOptions) {
    this.#options = options;
    this.#words = new Int32Array(options.control, 0, Control.Words);
    this.#times = new Float64Array(options.control, TIMES_OFFSET, Times.Count);
  }

  /** Gives whether this thread may serve another dump. */
  run(): boolean {
    try {
      const { pid, cpu, xstate } = this.#options;
      this.#stopper = new ThreadStopper(pid, cpu, xstate);
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

  #serve(stopper: ThreadStopper): void {
    const { maxPause } = this.#options;
    let seen = 0;
    for (;;) {
      const left = stopper.holds
        ? this.#times[Times.HoldStart]! + maxPause - now()
        : Number.POSITIVE_INFINITY;
      const woken = left > 0 && Atomics.wait(this.#words, Control.Request, seen, left) !== 'timed-out';
      if (!woken) {
        this.#state = State.Expired;
        this.#resume(stopper);
        this.#killCopy();
        this.#abandon();
        return;
      }
      seen = Atomics.load(this.#words, Control.Request);
      const message = receiveMessageOnPort(parentPort!) as { message: Command } | undefined;
      if (message === undefined) continue;
      try {
        this.#perform(message.message, stopper);
      } catch (error) {
        // What is half done on a thread of the target is healed as soon as it is let go (snapshot/guard.ts).
        this.#resume(stopper);
        if ('results' in message.message)
          writeText(message.message.results, String((error as Error).message));
        this.#state = State.Broken;
      }
      // The caller may go on as soon as it has its reply, and start another dump.
      const state = this.#state;
      this.#reply();
      if (state === State.Ended || state === State.Broken) return;
    }
  }

  #perform(command: Command, stopper: ThreadStopper): void {
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
        const { pid: copyPid, ownPid, why } = this.#copy!.fork(command.candidates);
        const answer = new Int32Array(command.results);
        answer[Answer.Pid] = copyPid;
        answer[Answer.OwnPid] = ownPid;
        writeText(command.results, why);
        break;
      }
      case 'collect':
        new Int32Array(command.results)[Answer.Pid] = this.#copy?.collect(command.candidates, command.ownPid)
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
  #hold(stopper: ThreadStopper): void {
    if (stopper.holds) return;
    this.#times[Times.HoldStart] = now();
    this.#state = State.Holding;
  }

  #resume(stopper: ThreadStopper): void {
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

  #arm({ gadgets }: Command & { kind: 'arm' }, stopper: ThreadStopper): FrozenCopy {
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
  #capture(plan: QuickPlan, stopper: ThreadStopper): void {
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
      answers.postMessage(answer);
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

/**
 * Waits for the next dump. Until the first nothing native is loaded: a thread that is ended while koffi loads takes the whole
 * process with it, and one that nobody needs is ended at any time.
 */
function awaitOptions(): TracerOptions | undefined {
  Atomics.wait(gate, 0, 0);
  Atomics.store(gate, 0, 0);
  return (receiveMessageOnPort(parentPort!) as { message: TracerOptions } | undefined)?.message;
}

for (let options = awaitOptions(); options !== undefined; options = awaitOptions()) {
  if (!new Tracing(options).run()) break;
}
// The thread must end now: its end is what sets free a thread that never stopped.
parentPort!.close();
