import { MinidumpError } from '../io/index.js';
import { linuxOnly } from '../node/linux-only.js';
import { allWatchers, type WatcherSocket, watcherOf } from './socket/find-watcher.js';
import type { WatcherReport } from './socket/protocol.js';

/** How long one that says nothing is waited for, in milliseconds: it dumps a crash, or it is somebody's who means no good. */
const PATIENCE = 5_000;

/** The watchers that this user may ask (of root: all), and whom they watch. Those that do not answer are left out. */
export async function listWatchers(): Promise<WatcherReport[]> {
  linuxOnly('asking a watcher');
  const { ask } = await import('./socket/client.js');
  const reports = await Promise.all(
    allWatchers().map(async (watcher) => {
      try {
        return (await ask(watcher, { want: 'list' }, { signal: AbortSignal.timeout(PATIENCE) }))?.report as
          | WatcherReport
          | undefined;
      } catch (error) {
        if (error instanceof MinidumpError) return undefined;
        throw error;
      }
    }),
  );
  return reports.filter((report) => report !== undefined);
}

/**
 * Has the watcher of a process let other debuggers in: see Watch.release.
 *
 * @throws MinidumpError `not-watched`, `watch-state`, `watcher-lost`
 */
export async function releaseWatched(pid: number): Promise<void> {
  await control(pid, 'release');
}

/**
 * Has it attach again: see Watch.resume.
 *
 * @throws MinidumpError `not-watched`, `watch-state`, `already-traced`, `watcher-lost`
 */
export async function resumeWatched(pid: number): Promise<void> {
  await control(pid, 'resume');
}

async function control(pid: number, want: 'release' | 'resume'): Promise<void> {
  linuxOnly('asking a watcher');
  const [{ ask }, { notWatched }] = await Promise.all([
    import('./socket/client.js'),
    import('./socket/not-watched.js'),
  ]);
  const watcher = watcherOf(pid) ?? (await watcherOfReleased(pid));
  if (watcher === undefined || (await ask(watcher, { want, pid: watcher.knownAs ?? pid })) === undefined)
    throw notWatched(pid);
}

/** One that was released has no tracer to be found by: all are asked. */
async function watcherOfReleased(pid: number): Promise<WatcherSocket | undefined> {
  const reports = await listWatchers();
  const found = reports.find(({ processes }) => processes.some((one) => one.pid === pid));
  return allWatchers().find((one) => one.pid === found?.pid && one.uid === found.uid);
}
