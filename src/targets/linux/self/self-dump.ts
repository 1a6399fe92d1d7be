import { checkAborted, deliver } from '../../../dump/finished.js';
import { type DumpReport, hasCallback } from '../../../dump/index.js';
import { type FileRegion, MinidumpError, NoSink, runAsync, runSync, type Sink } from '../../../io/index.js';
import { FileSink } from '../../../node/file-sink.js';
import { Spool } from '../../../node/spool.js';
import { dumpProcess, dumpProcessAsync, type LiveOptions, MAX_PAUSE } from '../live.js';
import { runHelper } from './helper.js';
import { helperOptions } from './protocol.js';
import { SelfProcess } from './self-process.js';

/**
 * Dumps this process through a helper, and blocks until all is written. The calling thread is in the dump as it was at the call.
 *
 * @param handle what a callback finds in ProcessHandle
 */
export function dumpSelf(options: LiveOptions, sink: Sink, handle: unknown = process.pid): DumpReport {
  let ready: SelfProcess | Taken;
  try {
    ready = prepare(options, sink, handle);
  } catch (error) {
    void sink.abort();
    throw error;
  }
  if (ready instanceof SelfProcess) return dumpProcess(ready, options, sink);
  return runSync(deliver(ready.report, ready.spool, options, sink));
}

/** The same, but the event loop is free once all is in a file: while the dump's reader is waited for. */
export async function dumpSelfAsync(
  options: LiveOptions,
  sink: Sink,
  handle: unknown = process.pid,
): Promise<DumpReport> {
  let ready: SelfProcess | Taken;
  try {
    ready = prepare(options, sink, handle);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  if (ready instanceof SelfProcess) return await dumpProcessAsync(ready, options, sink);
  return await runAsync(deliver(ready.report, ready.spool, options, sink));
}

/** The process, where a callback has to be asked about it; else the dump. */
function prepare(options: LiveOptions, sink: Sink, handle: unknown): SelfProcess | Taken {
  checkAborted(options);
  return hasCallback(options) ? new SelfProcess(options, handle) : take(options, sink);
}

/** A dump that the helper has written, and this process has to bring to where it goes. */
interface Taken {
  readonly report: DumpReport;
  /** Undefined where the helper has written the file of the sink itself. */
  readonly spool: Spool | undefined;
}

function take(options: LiveOptions, sink: Sink): Taken {
  // There is no callback that could take over.
  if (sink instanceof NoSink) sink.write();
  const { maxPause = MAX_PAUSE } = options;
  const spool = sink instanceof FileSink ? undefined : new Spool(options.spool);
  const file: { reserve(length: number): FileRegion } = spool ?? (sink as FileSink);
  try {
    const region = file.reserve(0);
    options.beforeStop?.(false);
    const request = {
      pid: process.pid,
      kind: 'dump' as const,
      position: region.position,
      options: helperOptions(options),
    };
    const answer = runHelper(request, region, maxPause);
    options.afterStop?.();
    if (answer.kind !== 'report') throw new MinidumpError('helper-failed', 'the helper has not dumped');
    file.reserve(answer.report.size);
    return { report: answer.report, spool };
  } catch (error) {
    spool?.[Symbol.dispose]();
    throw error;
  }
}
