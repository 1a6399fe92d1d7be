import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { endsSeekTable, isZstd, MinidumpError } from '../../io/index.js';
import { fileFailure, systemCode } from '../../node/file-failure.js';
import { FileSink } from '../../node/file-sink.js';
import { readSome } from '../../node/read.js';
import type { NameTemplate } from './name-template.js';

/** A file of the folder that is a dump of ours. */
export interface FolderDump {
  readonly file: string;
  readonly bytes: number;
  readonly mtime: bigint;
  readonly dev: bigint;
  readonly ino: bigint;
}

const MDMP = Buffer.from('MDMP');

/** The folder that dumps of one template lie in. */
export class DumpFolder {
  /** Absolute. */
  readonly path: string;
  readonly #template: NameTemplate;

  constructor(path: string, template: NameTemplate) {
    this.path = resolve(path);
    this.#template = template;
  }

  /**
   * Makes the folder if it is not there, for its owner alone.
   *
   * @throws MinidumpError `output-folder`, `output-denied`, `disk-full`, `write-failed`
   */
  prepare(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const code = systemCode(cause);
      if (code === 'EEXIST' || code === 'ENOTDIR') {
        throw new MinidumpError('output-folder', `${this.path} is no folder`, {
          advice: 'Choose another one for the dumps.',
          cause,
        });
      }
      throw fileFailure(cause, this.path);
    }
  }

  /** Opens a file as for a dump, and gives it up: what is wrong shows now. @throws as `prepare` */
  tryOut(): void {
    this.prepare();
    new FileSink(join(this.path, 'app.dmp'), { unique: true }).abort();
  }

  /**
   * The dumps in it, the oldest first: regular files of this user, in this very folder, whose name the template could have made and
   * which begin as a dump does, or are one that was compressed by us. No link is followed. What goes away meanwhile is left out.
   */
  dumps(): FolderDump[] {
    const latest = BigInt(Date.now() + TOO_FAR) * 1_000_000n;
    return readdirSync(this.path)
      .filter((name) => this.#template.matches(name))
      .flatMap((name) => inspect(join(this.path, name)) ?? [])
      .sort(byAge(latest));
  }

  /**
   * Removes a dump that `dumps` has found, unless another file has its name by now.
   *
   * @returns whether it was there until now: two watchers may remove the same one
   * @throws what unlink(2) says, other than that there is no such file
   */
  remove({ file, dev, ino }: FolderDump): boolean {
    try {
      const now = lstatSync(file, { bigint: true });
      if (now.dev !== dev || now.ino !== ino) return false;
      unlinkSync(file);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Bytes that this user may still write to its file system, as far as it tells; quotas are not in it. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Whether two folders share their space. */
  isBeside(other: DumpFolder): boolean {
    try {
      return statSync(this.path).dev === statSync(other.path).dev;
    } catch {
      return false;
    }
  }
}

/** In milliseconds. A dump of the future is of a time before the clock was set back. */
const TOO_FAR = 3_600_000;

/** All watchers have the same order: what is the newest to one is the newest to all, and none removes that one. */
const byAge = (latest: bigint) => (a: FolderDump, b: FolderDump) => {
  const [one, other] = [a, b].map(({ mtime }) => (mtime > latest ? 0n : mtime)) as [bigint, bigint];
  if (one !== other) return one < other ? -1 : 1;
  return a.file < b.file ? -1 : 1;
};

function inspect(file: string): FolderDump | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size, mtimeNs, dev, ino, uid, ...stat } = fstatSync(fd, { bigint: true });
    if ((stat.mode & BigInt(constants.S_IFMT)) !== BigInt(constants.S_IFREG)) return undefined;
    // In a folder for all, such as /tmp, others could have their files counted, and ours removed for them.
    if (Number(uid) !== process.geteuid?.()) return undefined;
    if (!isDump(fd, Number(size))) return undefined;
    return { file, bytes: Number(size), mtime: mtimeNs, dev, ino };
  } catch {
    return undefined; // gone, a link, not ours to read: nothing that we would touch
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function isDump(fd: number, size: number): boolean {
  if (size < 32) return false;
  const head = Buffer.alloc(4);
  if (readSome(fd, head, 0, 4, 0) !== 4) return false;
  if (head.equals(MDMP)) return true;
  if (!isZstd(head)) return false;
  const last = Buffer.alloc(4);
  return readSome(fd, last, 0, 4, size - 4) === 4 && endsSeekTable(last);
}
