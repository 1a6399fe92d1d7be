import { chmodSync, lstatSync, mkdirSync, readdirSync, type Stats } from 'node:fs';
import { MinidumpError } from '../../io/index.js';

/*
 * Where the socket of a watcher is: DIR/PID.sock, with the id and the effective user of its process, and nothing else, so that whoever
 * knows the process finds it, whatever variables either of the two was started with. DIR is /run/user/UID/mdmp where the system has made
 * /run/user/UID, else /tmp/mdmp-UID. Who looks for a socket tries both.
 */

const FOLDER_MODE = 0o700;
export const SOCKET_MODE = 0o600;

const runtimeFolder = (uid: number) => `/run/user/${uid}`;
const foldersOf = (uid: number) => [`${runtimeFolder(uid)}/mdmp`, `/tmp/mdmp-${uid}`];

/** The file of a process's socket in a folder. */
export const socketIn = (folder: string, pid: number) => `${folder}/${pid}.sock`;

/** The folder of this process's user, made if it is not there. @throws MinidumpError where it cannot be, or is not to be trusted */
export function ownFolder(): string {
  const uid = process.geteuid!();
  const [atRuntime, atTmp] = foldersOf(uid) as [string, string];
  const folder = isPrivate(look(runtimeFolder(uid)), uid) ? atRuntime : atTmp;
  try {
    mkdirSync(folder, { mode: FOLDER_MODE });
    // The umask may have taken what the user himself needs.
    chmodSync(folder, FOLDER_MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(folder, (error as Error).message);
  }
  if (!isPrivate(look(folder), uid)) throw unusable(folder, 'it is not a folder that only this user may use');
  return folder;
}

function unusable(folder: string, why: string): MinidumpError {
  return new MinidumpError(
    'output-denied',
    `no socket for other commands of mdmp can be made in ${folder}: ${why}`,
    { advice: 'The watch goes on without: no other process can dump what is watched.' },
  );
}

/** Folders of a user's watchers that are there and that only he may write to. `root`: of which they are looked for, without a slash at its end. */
export function trustedFolders(uid: number, root = ''): string[] {
  return foldersOf(uid)
    .map((folder) => root + folder)
    .filter((folder) => isPrivate(look(folder), uid));
}

/** Whether there is a socket, and it is that user's. */
export function isSocketOf(path: string, uid: number): boolean {
  const stat = look(path);
  return stat?.isSocket() === true && stat.uid === uid;
}

/** The process ids of the sockets in a folder. */
export function socketsIn(folder: string): number[] {
  return names(folder).flatMap((name) => {
    const pid = /^(\d{1,10})\.sock$/.exec(name)?.[1];
    return pid === undefined ? [] : [Number(pid)];
  });
}

/** Users that may have watchers here: for root. */
export function usersWithFolders(): number[] {
  const ids = [
    ...names('/run/user').map((name) => /^\d+$/.exec(name)?.[0]),
    ...names('/tmp').map((name) => /^mdmp-(\d+)$/.exec(name)?.[1]),
  ];
  return [...new Set(ids.flatMap((id) => (id === undefined ? [] : [Number(id)])))];
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Links are not followed. Undefined where there is nothing, or it may not be seen. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function isPrivate(stat: Stats | undefined, uid: number): boolean {
  return stat?.isDirectory() === true && stat.uid === uid && (stat.mode & 0o077) === 0;
}
