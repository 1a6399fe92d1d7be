import {
  type Capture,
  capture,
  complete,
  type DumpOptions,
  type DumpReport,
  emit,
} from '../../dump/index.js';
import { MinidumpError, runSync, type Sink } from '../../io/index.js';
import { withDeadline } from '../../node/deadline.js';
import { LinuxProcess } from './linux-process.js';

/** How a live process is dumped, beside what goes into the dump. */
export interface LiveOptions<Param = unknown> extends DumpOptions<Param> {
  /** Longest time that the process may stand still, in milliseconds; 10,000 by default. */
  maxPause?: number | undefined;
  /** Most bytes of a stack other than the main thread's; 1 MiB by default. */
  maxStack?: number | undefined;
  /**
   * For commands: end this whole process with that code if it hangs in native code for a second after the stop has
   * expired. The target goes on in any case.
   */
  abandonExitCode?: number | undefined;
}

const MAX_PAUSE = 10_000;
const MAX_STACK = 1024 * 1024;
/** The tracer thread ends a stop on time; the deadline of this thread is only to get it back. */
const MARGIN = 200;

/** Opens what a target is dumped from; nothing is stopped yet. */
export function openProcess(pid: number, options: LiveOptions, handle: unknown = pid): LinuxProcess {
  const { maxPause = MAX_PAUSE, maxStack = MAX_STACK } = options;
  if (!(maxPause > 0) || !(maxStack >= 0)) {
    throw new MinidumpError('invalid-argument', 'maxPause must be more than 0, maxStack at least 0');
  }
  const { type = 0, abandonExitCode } = options;
  return new LinuxProcess(pid, { maxPause, maxStack, type, abandonExitCode }, handle);
}

/**
 * Dumps a process into a sink that never waits. While the process stands still nothing returns to the event loop, and
 * whatever happens, it runs again when this returns or throws.
 */
export function dumpProcess(target: LinuxProcess, options: LiveOptions, sink: Sink): DumpReport {
  const { maxPause = MAX_PAUSE } = options;
  const expired = (): never => {
    target.checkHeld();
    throw new MinidumpError('max-pause', `the dump took longer than ${maxPause / 1000} s and was given up`, {
      advice: 'Shorten what the callback does, or allow a longer stop with --max-pause.',
    });
  };
  try {
    target.prepare();
    // Copied while it stands still, or written while it stands still: either way nothing waits here.
    const captured = withDeadline<Capture>(
      maxPause + MARGIN,
      () => {
        const captured = runSync(capture(target, options, sink));
        if (captured.memory === undefined) runSync(emit(captured, sink));
        return captured;
      },
      expired,
    );
    const output = captured.callbackSink ?? sink;
    if (output !== sink) void sink.abort();
    if (captured.memory !== undefined) runSync(emit(captured, output));
    return runSync(complete(captured, output));
  } catch (error) {
    target.release();
    void sink.abort();
    throw error;
  } finally {
    target[Symbol.dispose]();
  }
}
