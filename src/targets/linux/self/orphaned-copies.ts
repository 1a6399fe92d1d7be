import { parseStat } from '../../../linux/stat.js';
import { sleep } from '../../../node/sleep.js';
import { bindWaitid, P_PID, WEXITED, WNOHANG } from '../ended-threads.js';
import { listThreads, readText } from '../procfs.js';

/** Waits for children that give no signal when they end. */
const WCLONE = 0x80000000 | 0;
/** How long the end of a copy may take whose tracer has died; milliseconds. */
const END_LIMIT = 1_000;

/**
 * The frozen copies of this process that a helper has made and not taken back, because it was killed: they end with it, and stay zombies
 * until they are waited for, which this process itself can do. Others of its children are left alone.
 */
export class OrphanedCopies implements Disposable {
  readonly #before = new Set(children());
  #none = false;

  /** The helper has left nothing. */
  areNone(): void {
    this.#none = true;
  }

  [Symbol.dispose](): void {
    if (this.#none) return;
    const waitid = bindWaitid();
    const deadline = performance.now() + END_LIMIT;
    for (const pid of children()) {
      if (this.#before.has(pid) || !isSilent(pid)) continue;
      const info = new Int32Array(32);
      for (;;) {
        if (waitid(P_PID, pid, info, WEXITED | WNOHANG | WCLONE) !== 0 || info[4] === pid) break;
        if (performance.now() >= deadline) break;
        sleep(1);
      }
    }
  }
}

/** Of all threads. Needs CONFIG_PROC_CHILDREN, which distributions have; without it none are seen. */
function children(): number[] {
  return listThreads(process.pid).flatMap((tid) => {
    const text = readText(`/proc/self/task/${tid}/children`) ?? '';
    return text.split(' ').filter(Boolean).map(Number);
  });
}

/** It gives no signal at its end, and is frozen or has ended: of what runs this process is not to wait for the end. */
function isSilent(pid: number): boolean {
  const text = readText(`/proc/${pid}/stat`) ?? '';
  // Field 38, exit_signal; field 3 is the first behind the name.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[38 - 3] === '0' && 'ZXtT'.includes(parseStat(text).state);
}
