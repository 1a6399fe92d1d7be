import {
  type Capture,
  capture,
  complete,
  type DumpOptions,
  type DumpReport,
  emit,
} from '../../dump/index.js';
import { abortSink, MinidumpError, runAsync, runSync, type Sink, type Task } from '../../io/index.js';
import { withDeadline } from '../../node/deadline.js';
import { HeldSignals } from '../../node/held-signals.js';
import { Spool } from '../../node/spool.js';
import { LinuxProcess, type LinuxProcessOptions } from './linux-process.js';
import { NotKept } from './quick-capture.js';
import { SNAPSHOT_MODES, type SnapshotMode } from './snapshot/plan.js';

/** How a live process is dumped, beside what goes into the dump. */
export interface LiveOptions<Param = unknown> extends DumpOptions<Param> {
  /** Longest time that the process may stand still, in milliseconds; 10,000 by default. */
  maxPause?: number | undefined;
  /** Most bytes of a stack other than the main thread's; 1 MiB by default. */
  maxStack?: number | undefined;
  /**
   * The folder where a dump to a slow reader (a pipe, a stream, the callback) lies until it is read, in a file without a name;
   * the system's folder for temporary files by default. It takes the size of the dump, if that is more than 8 MiB.
   */
  spool?: string | undefined;
  /**
   * Whether memory is copied from a snapshot (a frozen fork of the process), so that the process stands still for the fork only.
   * `auto`, the default: where it is safe, and the dump is large. `always`: for any dump. Where none can be taken the memory is
   * copied while the process stands still, and a warning says why. docs/stopping.md tells of it.
   */
  snapshot?: SnapshotMode | undefined;
  /**
   * For commands: called when all is prepared, just before the process is stopped; `tracerOnly`, it will wait for the tracer
   * thread and for no other.
   */
  beforeStop?: ((tracerOnly: boolean) => void) | undefined;
  /** For commands: called when the process runs again, unless a snapshot of it has to be copied. */
  afterStop?: (() => void) | undefined;
  /** For commands: SIGINT, SIGTERM and SIGHUP end this process only when a snapshot has been given back, and end the dump. */
  holdSignals?: boolean | undefined;
  /**
   * For commands: end this whole process with that code if it hangs in native code for a second after the stop has
   * expired. The target goes on in any case.
   */
  abandonExitCode?: number | undefined;
}

export const MAX_PAUSE = 10_000;
export const MAX_STACK = 1024 * 1024;
/** The tracer thread ends a stop on time; the deadline of this thread is only to get it back. */
const MARGIN = 200;

/** Opens what a target is dumped from; nothing is stopped yet. */
export function openProcess(pid: number, options: LiveOptions, handle: unknown = pid): LinuxProcess {
  return new LinuxProcess(pid, limitsOf(options), handle);
}

/** How a process may be held, with the defaults. @throws MinidumpError `invalid-argument` */
export function limitsOf(options: LiveOptions): LinuxProcessOptions {
  const { maxPause = MAX_PAUSE, maxStack = MAX_STACK } = options;
  if (!(maxPause > 0) || !(maxStack >= 0)) {
    throw new MinidumpError('invalid-argument', 'maxPause must be more than 0, maxStack at least 0');
  }
  const { type = 0, abandonExitCode, snapshot = 'auto' } = options;
  if (!SNAPSHOT_MODES.includes(snapshot)) {
    throw new MinidumpError(
      'invalid-argument',
      `snapshot must be auto, always or never, not ${String(snapshot)}`,
    );
  }
  return { maxPause, maxStack, type, abandonExitCode, snapshot };
}

/**
 * Dumps a process and blocks until all is written. While the process stands still nothing returns to the event loop, and
 * whatever happens, it runs again when this returns or throws.
 */
export function dumpProcess(target: LinuxProcess, options: LiveOptions, sink: Sink): DumpReport {
  let taken: Taken;
  try {
    taken = take(target, options, sink);
  } catch (error) {
    void sink.abort();
    throw error;
  }
  return runSync(deliver(taken, options, sink));
}

/** The same, but once the process runs again the event loop is free: while a snapshot is copied, and while the dump's reader is waited for. */
export async function dumpProcessAsync(
  target: LinuxProcess,
  options: LiveOptions,
  sink: Sink,
): Promise<DumpReport> {
  // A snapshot must be given back, whoever wants this process to end.
  using signals = options.holdSignals ? new HeldSignals() : undefined;
  const given = signals === undefined ? options : { ...options, signal: signals.signal };
  let taken: Taken;
  try {
    taken = take(target, given, sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  if (!target.snapshot) signals?.[Symbol.dispose]();
  return await runAsync(deliver(taken, given, sink, () => signals?.[Symbol.dispose]()));
}

/** A dump whose contents are fixed, of a process that runs again. */
interface Taken {
  readonly target: LinuxProcess;
  readonly captured: Capture;
  /** Where it goes: the sink that was given, or the callback. */
  readonly output: Sink;
  /** Where it lies meanwhile, if it is too large to be kept in memory and `output` may wait. */
  readonly spool: Spool | undefined;
}

function take(target: LinuxProcess, options: LiveOptions, sink: Sink): Taken {
  const { maxPause = MAX_PAUSE } = options;
  const expired = (): never => {
    target.checkHeld();
    throw new MinidumpError('max-pause', `the dump took longer than ${maxPause / 1000} s and was given up`, {
      advice: 'Shorten what the callback does, or allow a longer stop with --max-pause.',
    });
  };
  let spool: Spool | undefined;
  try {
    // A folder that was asked for is tried before anything is stopped; the usual one is needed for large dumps only.
    if (sink.mayWait && options.spool !== undefined) spool = new Spool(options.spool);
    const { callback, callbacks, exception } = options;
    target.prepare(callback === undefined && callbacks === undefined && exception === undefined);
    options.beforeStop?.(target.quick);
    // Copied while it stands still, or written while it stands still: either way nothing waits here.
    const captured = withDeadline<Capture>(
      maxPause + MARGIN,
      () => {
        const captured = captureOnce(target, options, sink);
        if (captured.memory !== undefined) return captured;
        const output = captured.callbackSink ?? sink;
        if (output.mayWait && (target.held || output.computes !== true)) spool ??= new Spool(options.spool);
        if (target.held) runSync(emit(captured, spool ?? output));
        return captured;
      },
      expired,
    );
    if (!target.snapshot) options.afterStop?.();
    if (captured.memory !== undefined) {
      spool?.[Symbol.dispose]();
      spool = undefined;
    }
    return { target, captured, output: captured.callbackSink ?? sink, spool };
  } catch (error) {
    spool?.[Symbol.dispose]();
    target[Symbol.dispose]();
    throw error;
  }
}

function captureOnce(target: LinuxProcess, options: LiveOptions, sink: Sink): Capture {
  try {
    return runSync(capture(target, options, sink));
  } catch (error) {
    if (!(error instanceof NotKept)) throw error;
    // Nobody has been asked anything yet.
    target.startOver();
    return runSync(capture(target, options, sink));
  }
}

/**
 * Brings the dump to where it goes, as far as it is not there yet.
 *
 * @param released is called once nothing of the process is held any more, not even a snapshot
 */
function* deliver(taken: Taken, options: LiveOptions, sink: Sink, released = () => {}): Task<DumpReport> {
  const { target, captured, output, spool } = taken;
  try {
    // The callback writes it: the file that was opened for it is not needed.
    if (output !== sink) yield* abortSink(sink);
    if (captured.memory !== undefined) {
      // All is kept: whoever reads it must not keep the thread that traces.
      target.release();
      yield* emit(captured, output);
    }
    // A snapshot holds nobody up, but it costs memory: its reader is not waited for either.
    else if (target.snapshot) yield* emit(captured, spool ?? output);
    target[Symbol.dispose]();
    released();
    if (spool !== undefined) {
      spool.close();
      const total = captured.size;
      yield* spool.copyTo(output, (written) => options.onProgress?.({ phase: 'writing', written, total }));
    }
    return yield* complete(captured, output);
  } catch (error) {
    target[Symbol.dispose]();
    yield* abortSink(output);
    throw error;
  } finally {
    spool?.[Symbol.dispose]();
    released();
  }
}
