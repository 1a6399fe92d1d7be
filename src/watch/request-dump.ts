import { resolve } from 'node:path';
import type { DumpReport } from '../dump/index.js';
import type { WriteMinidumpOptions } from '../live/options.js';
import { writeMinidump } from '../live/write-minidump.js';
import type { Destination } from '../node/destination.js';
import { type OutputReport, openOutput } from '../node/output.js';
import type { FileDumpReport } from '../targets/linux/write-minidump.js';
import { tracerOf, type WatcherSocket, watcherOf } from './socket/find-watcher.js';

/** As of writeMinidump, but with a callback that another process can load. */
export interface RequestDumpOptions
  extends Omit<WriteMinidumpOptions, 'callback' | 'callbacks' | 'fileHandle'> {
  /** Path of a module whose callback decides what goes in (docs/callback.md). It is run where the dump is made: in the watcher, if there is one. */
  callback?: string | undefined;
}

/**
 * Dumps a process whether it is watched or not. Where `mdmp run`, `mdmp watch` or `watchProcess` is attached to it, that watcher makes the
 * dump and sends it here, where it is written with the rights of this process; else this is `writeMinidump`. docs/watch-socket.md tells of it.
 *
 * @throws MinidumpError as writeMinidump does; `already-traced` where another debugger holds the process, or a watcher of somebody else;
 *   `watcher-denied`, `watcher-lost`
 */
export async function requestDump(
  pid: number,
  destination: Destination | null | undefined,
  options: RequestDumpOptions = {},
): Promise<DumpReport & OutputReport> {
  const watcher = process.platform !== 'linux' || tracerOf(pid) === 0 ? undefined : watcherOf(pid);
  const report = watcher && (await fromWatcher(watcher, pid, destination, options));
  if (report !== undefined) return report;
  const { callback, ...rest } = options;
  const loaded =
    callback === undefined ? {} : await (await import('./load-callback.js')).loadCallback(callback);
  return await writeMinidump(pid, destination, { ...rest, ...loaded });
}

/** Undefined where the watcher has gone. */
async function fromWatcher(
  watcher: WatcherSocket,
  pid: number,
  destination: Destination | null | undefined,
  given: RequestDumpOptions,
): Promise<(DumpReport & OutputReport) | undefined> {
  const [{ ask }, { SENT_OPTIONS }] = await Promise.all([
    import('./socket/client.js'),
    import('./socket/requested-dump.js'),
  ]);
  const { callback, spool, onProgress, signal } = given;
  const paths = {
    callback: callback === undefined ? undefined : resolve(callback),
    spool: spool === undefined ? undefined : resolve(spool),
  };
  const options = Object.fromEntries(
    Object.entries({ ...given, ...paths }).filter(
      ([name, value]) => SENT_OPTIONS.includes(name) && value !== undefined,
    ),
  );
  const output = await openOutput(destination, given);
  try {
    const answer = await ask(
      watcher,
      { want: 'dump', pid: watcher.knownAs ?? pid, options },
      {
        data: (bytes) => output.sink.write(bytes),
        progress: (value) => onProgress?.(value as Parameters<NonNullable<typeof onProgress>>[0]),
        signal,
      },
    );
    if (answer === undefined) {
      await output.sink.abort();
      return undefined;
    }
    // The file is ours to tell of, not the watcher's.
    const { file: _, ...made } = answer.report as FileDumpReport;
    const report = { ...made, pid };
    if (report.writtenByCallback) await output.sink.abort();
    else await output.sink.close();
    const told = output.report(report);
    return typeof destination === 'string' ? { file: '', ...told } : told;
  } catch (error) {
    await output.sink.abort();
    throw error;
  }
}
