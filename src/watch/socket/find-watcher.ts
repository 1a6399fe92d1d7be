import { parseStatus } from '../../linux/stat.js';
import { readText } from '../../targets/linux/procfs.js';
import { isSocketOf, socketIn, socketsIn, trustedFolders, usersWithFolders } from './place.js';

/** The socket of a watcher, and who is to be found at its other end. */
export interface WatcherSocket {
  readonly file: string;
  readonly pid: number;
  readonly uid: number;
}

/** The thread that traces a process, or 0. */
export function tracerOf(pid: number): number {
  return Number(parseStatus(readText(`/proc/${pid}/status`) ?? '').get('TracerPid') ?? 0);
}

/** The socket of the watcher that traces a process; undefined where nobody does, somebody else does, or it is not to be seen by this user. */
export function watcherOf(pid: number): WatcherSocket | undefined {
  const thread = tracerOf(pid);
  const status = thread === 0 ? undefined : readText(`/proc/${thread}/status`);
  if (status === undefined) return undefined;
  const fields = parseStatus(status);
  const tracer = Number(fields.get('Tgid') ?? 0);
  // Real, effective, saved, of files.
  const uid = Number(fields.get('Uid')?.split(/\s+/)[1]);
  // In a container it knows itself by another id, and may have other folders.
  const own = Number(fields.get('NSpid')?.split(/\s+/).at(-1) ?? tracer);
  const ownPid = thread === tracer ? own : innerId(tracer);
  for (const root of ['', `/proc/${tracer}/root`]) {
    for (const folder of trustedFolders(uid, root)) {
      const file = socketIn(folder, root === '' && ownPid !== tracer ? tracer : ownPid);
      if (isSocketOf(file, uid)) return { file, pid: tracer, uid };
    }
  }
  return undefined;
}

/** The id that a process has in its own namespace. */
function innerId(pid: number): number {
  return Number(
    parseStatus(readText(`/proc/${pid}/status`) ?? '')
      .get('NSpid')
      ?.split(/\s+/)
      .at(-1) ?? pid,
  );
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
