import { closeSync, openSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import type { TargetHandle } from '../../dump/target.js';
import {
  type Descriptor,
  describeDescriptors,
  type FileKind,
  mountId,
  socketInode,
} from '../../linux/descriptors.js';
import { type Mount, mayHang, parseMounts } from '../../linux/mounts.js';
import { parseSockets, SOCKET_TABLES } from '../../linux/sockets.js';
import { readSome } from '../../node/read.js';
import { readText } from './procfs.js';

/** So much is read of one table of sockets: 100,000 connections and more. */
const MAX_TABLE = 32 * 1024 * 1024;

/**
 * What a process has open. No descriptor is opened, and nothing is asked that could wait on a program or a network: a file's
 * attributes are looked at where the kernel has them.
 *
 * @param folder /proc/PID/task/TID of a living thread: that of an ended leader is empty
 */
export function readDescriptors(folder: string): TargetHandle[] {
  const mounts = parseMounts(readText(`${folder}/mountinfo`) ?? '');
  const all = [...mounts, ...parseMounts(readText('/proc/self/mountinfo') ?? '')];
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const risky = new Map(mounts.map((mount) => [mount.id, mayHang(mount, all)]));
  const descriptors: Descriptor[] = [];
  for (const name of list(`${folder}/fd`)) {
    const descriptor = readDescriptor(folder, name, byId, risky);
    if (descriptor !== undefined) descriptors.push(descriptor);
  }
  descriptors.sort((a, b) => a.number - b.number);
  return describeDescriptors(descriptors, readSockets(folder, descriptors));
}

function readDescriptor(
  folder: string,
  name: string,
  mounts: ReadonlyMap<number, Mount>,
  risky: ReadonlyMap<number, boolean>,
): Descriptor | undefined {
  const path = `${folder}/fd/${name}`;
  let link: string;
  try {
    link = readlinkSync(path).replaceAll('\n', '\\012');
  } catch {
    return undefined; // Closed in the meantime.
  }
  const info = readText(`${folder}/fdinfo/${name}`) ?? '';
  const mount = link.startsWith('/') ? mounts.get(mountId(info)) : undefined;
  const kind = mount === undefined || risky.get(mount.id) !== false ? undefined : fileKind(path);
  return { number: Number(name), link, info, kind };
}

function fileKind(path: string): FileKind | undefined {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch {
    return undefined;
  }
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isCharacterDevice()) return 'character';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'pipe' : stat.isSocket() ? 'socket' : undefined;
}

/** What the network namespace of the process tells of its sockets, by inode. The tables are read only if there is one. */
function readSockets(folder: string, descriptors: readonly Descriptor[]): Map<string, string> {
  const wanted = new Set(descriptors.flatMap(({ link }) => socketInode(link) ?? []));
  const found = new Map<string, string>();
  for (const table of SOCKET_TABLES) {
    if (found.size === wanted.size) break;
    parseSockets(table, readBounded(`${folder}/net/${table}`, MAX_TABLE), wanted, found);
  }
  return found;
}

function readBounded(path: string, most: number): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return ''; // Not in this kernel.
  }
  const pieces: Buffer[] = [];
  let total = 0;
  try {
    while (total < most) {
      const piece = Buffer.allocUnsafe(256 * 1024);
      const got = readSome(fd, piece, 0, piece.length, null);
      if (got === 0) break;
      pieces.push(piece.subarray(0, got));
      total += got;
    }
  } catch {
    // What there is of it.
  } finally {
    closeSync(fd);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
