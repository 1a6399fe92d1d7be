import { parseStatus } from '../../linux/stat.js';
import { readText } from '../../targets/linux/procfs.js';
import { isSocketOf, socketIn, socketsIn, trustedFolders, usersWithFolders } from './place.js';

/** The socket of a watcher, and who is to be found at its other end. */
export interface WatcherSocket {
  readonly file: string;
  readonly pid: number;
  readonly uid: number;
  /** The id that it knows the process by. */
  readonly knownAs?: number | undefined;
}

/** The thread that traces a process, or 0. */
export function tracerOf(pid: number): number {
  return Number(statusOf(pid).get('TracerPid') ?? 0);
}

/** The socket of the watcher that traces a process; undefined where nobody does, somebody else does, or it is not to be seen by this user. */
export function watcherOf(pid: number): WatcherSocket | undefined {
  const thread = tracerOf(pid);
  if (thread === 0) return undefined;
  const tracer = Number(statusOf(thread).get('Tgid') ?? 0);
  const status = statusOf(tracer);
  // Real, effective, saved, of files.
  const uid = Number(status.get('Uid')?.split(/\s+/)[1]);
  // In a container it may have other folders, and knows itself and the process by other ids.
  const own = idsOf(tracer);
  const knownAs = idsOf(pid)[own.length - 1];
  for (const root of ['', `/proc/${tracer}/root`]) {
    for (const folder of trustedFolders(uid, root)) {
      const file = socketIn(folder, own.at(-1) ?? tracer);
      if (isSocketOf(file, uid)) return { file, pid: tracer, uid, knownAs: knownAs ?? pid };
    }
  }
  return undefined;
}

function statusOf(id: number): ReadonlyMap<string, string> {
  return parseStatus(readText(`/proc/${id}/status`) ?? '');
}

/** The ids of a process in the namespaces that it is in, from ours inwards. */
function idsOf(pid: number): number[] {
  return (statusOf(pid).get('NSpid') ?? String(pid)).split(/\s+/).map(Number);
}

/** The sockets of all watchers that this user may ask: his own, of root all. */
export function allWatchers(): WatcherSocket[] {
  const uid = process.geteuid!();
  const users = uid === 0 ? [...new Set([0, ...usersWithFolders()])] : [uid];
  return users.flatMap((user) =>
    trustedFolders(user).flatMap((folder) =>
      socketsIn(folder).flatMap((pid) => {
        const file = socketIn(folder, pid);
        return isSocketOf(file, user) ? [{ file, pid, uid: user }] : [];
      }),
    ),
  );
}
