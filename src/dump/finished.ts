import { abortSink, closeSink, MinidumpError, type Sink, type Task } from '../io/index.js';
import type { DumpOptions, DumpReport } from './options.js';

/** Bytes of a finished dump that lie somewhere meanwhile. */
export interface PutAside extends Disposable {
  /** Writes them to a sink, in order. `written` is told the number of bytes after each piece. */
  copyTo(sink: Sink, written: (bytes: number) => void): Task<void>;
}

/**
 * Brings a dump that is finished to where it goes.
 *
 * @param aside where it lies; undefined where it has been written into the file of the sink itself
 */
export function* deliver(
  report: DumpReport,
  aside: PutAside | undefined,
  options: Pick<DumpOptions, 'onProgress' | 'signal'>,
  sink: Sink,
): Task<DumpReport> {
  const total = report.size;
  const progress = (written: number) => {
    options.onProgress?.({ phase: 'writing', written, total });
    checkAborted(options);
  };
  try {
    if (aside === undefined) progress(total);
    else yield* aside.copyTo(sink, progress);
    yield* closeSink(sink);
    return report;
  } catch (error) {
    yield* abortSink(sink);
    throw error;
  } finally {
    aside?.[Symbol.dispose]();
  }
}

/** @throws MinidumpError `cancelled` */
export function checkAborted({ signal }: Pick<DumpOptions, 'signal'>): void {
  if (signal?.aborted) throw new MinidumpError('cancelled', 'the dump was given up');
}
