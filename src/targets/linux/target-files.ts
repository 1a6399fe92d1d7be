import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { type Mount, mayHang, mountOf, parseMounts } from '../../linux/mounts.js';
import { readSome } from '../../node/read.js';
import { readText } from './procfs.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** Names a file without opening it: open(2). Not among Node's constants. */
const O_PATH = 0o10000000;

/** As many symbolic links as the kernel follows. */
const MAX_LINKS = 40;
/** Bytes; real ones have some hundred. */
const MAX_RELEASE = 64 * 1024;

/**
 * Small files of the target's own file system. The target decides what lies there, and perhaps we may read more than it may:
 * symbolic links are followed as the target would follow them, never out of its root, and nothing but regular files is opened,
 * none that is served by a program or a network.
 */
export class TargetFiles {
  readonly #root: string;
  readonly #mounts: readonly Mount[];
  /** With our own: an overlay of the target may lie on what only we see. */
  readonly #all: readonly Mount[];

  /** @param folder /proc/PID or /proc/PID/task/TID */
  constructor(folder: string) {
    this.#root = `${folder}/root`;
    this.#mounts = parseMounts(readText(`${folder}/mountinfo`) ?? '');
    this.#all = [...this.#mounts, ...parseMounts(readText('/proc/self/mountinfo') ?? '')];
  }

  /** All of a file, or undefined where there is none that may be read, or it is larger than `limit`. */
  read(path: string, limit: number): Buffer | undefined {
    const open: number[] = [];
    try {
      const named = this.#find(path, open);
      if (named === undefined || !fstatSync(named).isFile()) return undefined;
      const fd = openSync(`/proc/self/fd/${named}`, O_RDONLY | O_NONBLOCK | O_NOCTTY);
      open.push(fd);
      const { size } = fstatSync(fd);
      if (size > limit) return undefined;
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSome(fd, bytes, 0, size, 0));
    } catch {
      return undefined; // None, or not ours to read.
    } finally {
      for (const fd of open) closeSync(fd);
    }
  }

  /**
   * Walks a path with a descriptor for each step: the target may exchange a folder for a link at any time, and cannot lead us
   * out of its root with it.
   *
   * @param open gets the descriptors, which the caller closes
   */
  #find(path: string, open: number[]): number | undefined {
    const name = (file: string) => {
      const fd = openSync(file, O_PATH | O_NOFOLLOW);
      open.push(fd);
      return fd;
    };
    // The one link that leads somewhere by itself, not by a text.
    const root = name(`${this.#root}/`);
    // What lies on none of the mounts that the target sees (after a chroot) lies on that of its root.
    const rootMount = this.#mountAt(root);
    let at: { fd: number; path: string }[] = [{ fd: root, path: '' }];
    const left = path.split('/');
    for (let links = 0; left.length > 0; ) {
      const part = left.shift()!;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at.length > 1) at.pop();
        continue;
      }
      const folder = at.at(-1)!;
      const below = `${folder.path}/${part}`;
      if (mayHang(mountOf(below, this.#mounts) ?? rootMount, this.#all)) return undefined;
      const file = `/proc/self/fd/${folder.fd}/${part}`;
      const fd = name(file);
      if (!fstatSync(fd).isSymbolicLink()) {
        at.push({ fd, path: below });
        continue;
      }
      if (++links > MAX_LINKS) return undefined;
      const link = readlinkSync(file);
      if (link.startsWith('/')) at = at.slice(0, 1);
      left.unshift(...link.split('/'));
    }
    return at.at(-1)!.fd;
  }

  #mountAt(fd: number): Mount | undefined {
    const id = /^mnt_id:\t(\d+)$/m.exec(readText(`/proc/self/fdinfo/${fd}`) ?? '')?.[1];
    return this.#all.find((mount) => mount.id === Number(id));
  }
}

/** /etc/lsb-release, or os-release where there is none (as minidump-writer does), of the target's own root. */
export function releaseFile(files: TargetFiles): Buffer | undefined {
  return files.read('/etc/lsb-release', MAX_RELEASE) ?? files.read('/etc/os-release', MAX_RELEASE);
}
