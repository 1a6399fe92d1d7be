import { readlinkSync } from 'node:fs';
import type { TargetToken } from '../../dump/target.js';
import { credentialsOf, type Names, namesFrom, tokenText } from '../../linux/credentials.js';
import { listThreads, readText } from './procfs.js';
import { TargetFiles } from './target-files.js';

/** Kinds of namespaces, in the order of the lines; unknown ones are left out. */
const NAMESPACES = 'cgroup ipc mnt net pid pid_for_children time time_for_children user uts'.split(' ');
/** Larger lists of users are not read. */
const MAX_NAMES = 4 * 1024 * 1024;

/** Who a process is to the system, and the threads that differ from it: the kernel keeps credentials for each thread. */
export class ProcessTokens {
  readonly #pid: number;
  /** /proc/PID/task/TID of a living thread: that of an ended leader lacks most. */
  readonly #folder: string;
  readonly #users: Names;
  readonly #groups: Names;
  /** Credentials of the process, which a thread is compared with. */
  readonly #own: string;
  readonly #seen = new Set<number>();
  readonly #tokens: TargetToken[] = [];

  /**
   * Looks at the process and the threads that there are.
   *
   * @param via a living thread, which stands for the process
   */
  constructor(pid: number, via: number) {
    const folder = `/proc/${pid}/task/${via}`;
    this.#pid = pid;
    this.#folder = folder;
    const files = new TargetFiles(folder);
    const names = (path: string) => files.read(path, MAX_NAMES)?.toString('utf8') ?? '';
    this.#users = namesFrom(names('/etc/passwd'), readText(`${folder}/uid_map`) ?? '');
    this.#groups = namesFrom(names('/etc/group'), readText(`${folder}/gid_map`) ?? '');
    const status = readText(`/proc/${pid}/status`) ?? '';
    this.#own = credentialsOf(status, label(folder));
    this.#tokens.push(this.#token(pid, folder, status));
    this.#seen.add(pid);
    for (const tid of listThreads(pid)) this.#look(tid);
  }

  /** The token of the process, then those of threads that differ. `threads` may be new ones. */
  of(threads: Iterable<number>): readonly TargetToken[] {
    for (const tid of threads) this.#look(tid);
    return this.#tokens;
  }

  #look(tid: number): void {
    if (this.#seen.has(tid)) return;
    this.#seen.add(tid);
    const folder = `/proc/${this.#pid}/task/${tid}`;
    const status = readText(`${folder}/status`);
    if (status === undefined || credentialsOf(status, label(folder)) === this.#own) return;
    this.#tokens.push(this.#token(tid, folder, status));
  }

  #token(id: number, folder: string, status: string): TargetToken {
    const text = tokenText({
      status,
      users: this.#users,
      groups: this.#groups,
      namespaces: NAMESPACES.flatMap((name) => {
        try {
          return [[name, readlinkSync(`${folder}/ns/${name}`)] as const];
        } catch {
          return [];
        }
      }),
      label: label(folder),
      cgroup: readText(`${folder}/cgroup`),
      loginUid: readText(`${folder}/loginuid`)?.trim(),
      oomScoreAdj: readText(`${this.#folder}/oom_score_adj`)?.trim(),
    });
    return { id, handle: 0n, data: new TextEncoder().encode(text) };
  }
}

/** What the security module calls the process; reading it fails where there is no module. */
function label(folder: string): string | undefined {
  const text = readText(`${folder}/attr/current`)?.replace(/[\0\n]+$/, '');
  return text === '' ? undefined : text;
}
