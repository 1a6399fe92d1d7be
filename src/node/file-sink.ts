import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { type FileRegion, MinidumpError, type Sink } from '../io/index.js';
import { fileExists, fileFailure, isFolder, systemCode } from './file-failure.js';
import { fileRegion, writeAt } from './file-region.js';
import { hiddenName } from './hidden-name.js';
import { errno, errnoName, libc } from './libc.js';
import { numbered } from './numbered-name.js';
import { canCreatePrivateFile, createPrivateFile } from './windows-file.js';

export interface FileSinkOptions {
  /** Replace a file that is already there. */
  force?: boolean;
  /** Where the name is taken when the dump is complete, take the next that is free: `app-2.dmp`. `force` goes before. */
  unique?: boolean;
  /** It holds nothing of a process: it gets the mode that files of this user have, not 0600. */
  isPublic?: boolean;
}

/** Not in `fs.constants`; the same number on every architecture that Node runs on. */
const __O_TMPFILE = 0o20000000;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

const MODE = 0o600;
/** Less the umask. */
const PUBLIC_MODE = 0o666;
/** Whoever has as many of one name has made a mistake. */
const MOST_NUMBERS = 99_999;

/**
 * A dump file that appears under its name only when it is complete, and never half.
 *
 * It is written to a file without a name (O_TMPFILE), so that nothing is left behind whenever the dumper dies, kill -9
 * included; `close` gives it its name. (To replace a file it needs a hidden name first, as a link never replaces: a dumper that is
 * killed between these two calls leaves a whole dump, mode 0600, as `.mdmp-…`.) Where the file system has no such files, a hidden file beside the target name
 * stands in. Either way the mode is 0600 whatever the umask, no symbolic link is followed, and without `force` no file is
 * replaced, not even one that appears while the dump is written. On Windows the hidden file belongs to this user alone (createPrivateFile).
 *
 * There is no fsync: it would take seconds for a large dump, and what it protects against is a crash of the whole machine
 * within seconds of the dump, not one of the dumper. (Breakpad, gcore and the kernel's core dumps have none either.)
 *
 * Everything is synchronous: while a target is stopped, nothing may wait for an event loop.
 */
export class FileSink implements Sink {
  readonly mayWait = false;
  readonly #wanted: string;
  readonly #force: boolean;
  readonly #unique: boolean;
  readonly #isPublic: boolean;
  readonly #folder: string;
  #file: string;
  #fd: number | undefined;
  #size = 0;
  /** The hidden file that stands in; undefined for a file without a name. */
  #temporary: string | undefined;

  /** Opens the file, so that what would fail at the end fails before the target is touched, as far as it can be known. */
  constructor(file: string, options: FileSinkOptions = {}) {
    this.#wanted = resolve(file);
    this.#file = this.#wanted;
    this.#isPublic = options.isPublic ?? false;
    this.#folder = dirname(this.#wanted);
    this.#force = options.force ?? false;
    this.#unique = !this.#force && (options.unique ?? false);
    if (file.endsWith('/') || file.endsWith(sep)) throw isFolder(this.#file);
    this.#checkName();
    try {
      this.#fd = this.#openUnnamed() ?? this.#openHidden();
      if (!this.#isPublic) this.#protect(this.#fd);
    } catch (error) {
      this.abort();
      throw this.#failure(error);
    }
  }

  /** The absolute path that the dump will have; with `unique` it is certain once the sink is closed. */
  get file(): string {
    return this.#file;
  }

  write(bytes: Uint8Array): void {
    try {
      writeAt(this.#open(), this.#size, bytes);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#size += bytes.length;
  }

  reserve(length: number): FileRegion {
    const position = this.#size;
    this.#size += length;
    return fileRegion(
      () => this.#open(),
      position,
      (error) => this.#failure(error),
    );
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    throw new MinidumpError('write-failed', `${this.#file} was closed or given up`);
  }

  close(): void {
    if (this.#fd === undefined) return;
    try {
      // It may end with what nobody has written: zeros.
      if (fstatSync(this.#fd).size < this.#size) ftruncateSync(this.#fd, this.#size);
      if (this.#temporary === undefined) this.#nameUnnamed(this.#fd);
      else this.#nameHidden(this.#fd, this.#temporary);
    } catch (error) {
      this.abort();
      throw this.#failure(error);
    }
  }

  abort(): void {
    // Whatever went wrong before is what the user must hear of, not a failing clean-up.
    try {
      if (this.#fd !== undefined) closeSync(this.#fd);
    } catch {}
    this.#fd = undefined;
    try {
      if (this.#temporary !== undefined) unlinkSync(this.#temporary);
    } catch {}
    this.#temporary = undefined;
  }

  get #mode(): number {
    return this.#isPublic ? PUBLIC_MODE : MODE;
  }

  #checkName(): void {
    if (this.#unique) return;
    let stat: Stats;
    try {
      stat = lstatSync(this.#file);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw this.#failure(error);
    }
    if (stat.isDirectory()) throw isFolder(this.#file);
    // Renaming over /dev/null would take it from everyone.
    if (!stat.isFile() && !stat.isSymbolicLink()) {
      throw new MinidumpError(
        this.#force ? 'output-denied' : 'output-exists',
        `${this.#file} is not a regular file and is not replaced`,
        {
          advice:
            'Give the name of a new file; to write to a pipe or a device, give its descriptor (-o - > …).',
        },
      );
    }
    if (!this.#force) throw fileExists(this.#file);
  }

  #openUnnamed(): number | undefined {
    if (process.platform !== 'linux') return undefined;
    try {
      linkat();
    } catch {
      return undefined; // koffi is not installed
    }
    let fd: number;
    try {
      fd = openSync(this.#folder, __O_TMPFILE | constants.O_DIRECTORY | constants.O_WRONLY, this.#mode);
    } catch (error) {
      // EISDIR: a kernel before 3.11. The others: a file system without them (NFS, FAT, older overlayfs).
      if (['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes(systemCode(error))) return undefined;
      throw error;
    }
    if (existsSync(`/proc/self/fd/${fd}`)) return fd;
    closeSync(fd); // no /proc here, and without it no name for the file later
    return undefined;
  }

  #openHidden(): number {
    const name = hiddenName(this.#folder);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
    const fd =
      !this.#isPublic && canCreatePrivateFile() ? createPrivateFile(name) : openSync(name, flags, this.#mode);
    this.#temporary = name;
    return fd;
  }

  /** The umask may have taken bits from the mode, and a file system without modes gives what its mount options say. */
  #protect(fd: number): void {
    if (process.platform === 'win32') return;
    if ((fstatSync(fd).mode & 0o777) === MODE) return;
    try {
      fchmodSync(fd, MODE);
    } catch {}
    if ((fstatSync(fd).mode & 0o077) !== 0) {
      throw new MinidumpError(
        'output-denied',
        `the file system of ${this.#folder} would let others read the dump`,
        { advice: 'Choose a folder on a file system that keeps file modes.' },
      );
    }
  }

  #nameUnnamed(fd: number): void {
    if (this.#force) {
      // Linking never replaces, renaming does, and at once.
      const name = hiddenName(this.#folder);
      this.#link(fd, name);
      this.#temporary = name;
      renameSync(name, this.#file);
      this.#temporary = undefined;
    } else {
      this.#takeName((file) => this.#link(fd, file));
    }
    // The dump is complete and in place: whatever close(2) might say (it has nothing to write out here) is no failure. (Found by the
    // soak: a close that failed made a failed dump of it, whose file was there.)
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {}
  }

  /** Whoever makes the name first has it, whatever was there when somebody looked. */
  #takeName(take: (file: string) => void): void {
    for (let n = 2; ; n++) {
      try {
        take(this.#file);
        return;
      } catch (error) {
        if (!this.#unique || n > MOST_NUMBERS || systemCode(error) !== 'EEXIST') throw error;
        this.#file = numbered(this.#wanted, n);
      }
    }
  }

  #link(fd: number, name: string): void {
    if (linkat()(AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, name, AT_SYMLINK_FOLLOW) === 0) return;
    const code = errnoName(errno());
    throw Object.assign(new Error(`linkat: ${code}`), { code });
  }

  #nameHidden(fd: number, temporary: string): void {
    // First, as NFS tells of a full disk only here.
    this.#fd = undefined;
    closeSync(fd);
    if (!this.#force) {
      try {
        this.#takeName((file) => linkSync(temporary, file));
        this.abort(); // removes the hidden name
        return;
      } catch (error) {
        // EISDIR: what libuv makes of ERROR_INVALID_FUNCTION, which FAT on Windows gives.
        const codes = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EISDIR'];
        if (!codes.includes(systemCode(error))) throw error;
        // No hard links here (FAT, some FUSE). Taking the name with O_EXCL makes sure that what is replaced is ours.
        this.#takeName((file) => closeSync(openSync(file, 'wx', MODE)));
      }
    }
    renameSync(temporary, this.#file);
    this.#temporary = undefined;
  }

  #failure(error: unknown): MinidumpError {
    return fileFailure(error, this.#file);
  }
}

function linkat() {
  return libc(
    'int linkat(int oldfolder, const char *oldpath, int newfolder, const char *newpath, int flags)',
  );
}
