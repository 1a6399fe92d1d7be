import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { readAt } from './read.js';

const PRIVATE_FOLDER = 0o700;
const S_ISVTX = 0o1000;
const OTHERS_WRITE = 0o022;
const OTHERS = 0o077;

/** Undefined for a process that runs as somebody else than who started it, and on Windows, where a mode says nothing. */
function user(): number | undefined {
  const uid = process.geteuid?.();
  return uid === process.getuid?.() ? uid : undefined;
}

/** Whether nobody but this user and root can exchange a folder, or one above it. The path has no links. */
function isOwn(path: string, uid: number): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = lstatSync(folder);
    if (stat.uid !== uid && stat.uid !== 0) return false;
    // In one like /tmp everyone may add, but not take away what is another's.
    if ((stat.mode & OTHERS_WRITE) !== 0 && (stat.mode & S_ISVTX) === 0) return false;
    if (dirname(folder) === folder) return true;
  }
}

/**
 * The real path of a folder that nobody but this user (and root) can have put anything into: it is the user's, closed to
 * others, and none of those above it can be exchanged. Undefined for any other, and where there is none.
 */
export function privateFolder(path: string): string | undefined {
  const uid = user();
  if (uid === undefined) return undefined;
  try {
    const real = realpathSync.native(path);
    const stat = lstatSync(real);
    const closed = stat.isDirectory() && stat.uid === uid && (stat.mode & OTHERS) === 0;
    return closed && isOwn(real, uid) ? real : undefined;
  } catch {
    return undefined;
  }
}

/** The same; made if it was not there. Nothing is made in a folder of somebody else, such as by root in the home of who called sudo. */
export function makePrivateFolder(path: string): string | undefined {
  const uid = user();
  if (uid === undefined) return undefined;
  try {
    let there = path;
    while (!existsSync(there)) there = dirname(there);
    if (!isOwn(realpathSync.native(there), uid)) return undefined;
    mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER });
  } catch {
    return undefined;
  }
  return privateFolder(path);
}

/**
 * The bytes of a file that this user wrote and that is closed to others; undefined for any other, for a link, and for one
 * of more than `limit` bytes.
 *
 * @param folder from `privateFolder`
 */
export function readPrivateFile(folder: string, name: string, limit: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== user() || (stat.mode & OTHERS) !== 0) return undefined;
    if (stat.size > limit) return undefined;
    const bytes = Buffer.allocUnsafeSlow(stat.size);
    return readAt(fd, 0, bytes) === bytes.length ? bytes : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
