import { sleep } from '../../../node/sleep.js';
import { bindWaitid, P_PID, WEXITED, WNOHANG } from '../ended-threads.js';
import { ownChildren, readText } from '../procfs.js';

/** Waits for children that give no signal when they end. */
const WCLONE = 0x80000000 | 0;
/**
 * How long a copy may take to appear, as one of our threads may be in the middle of making it, and how long to end, after the helper
 * has died; milliseconds.
 */
const APPEAR_LIMIT = 250;
const END_LIMIT = 2_000;

/**
 * The frozen copies of this process that a helper has made and not taken back, because it was killed: they end with it, and stay zombies
 * until they are waited for, which this process itself can do. Others of its children are left alone.
 */
export class OrphanedCopies implements Disposable {
  readonly #before = new Set(ownChildren());
  #none = false;

  /** The helper has left nothing. */
  areNone(): void {
    this.#none = true;
  }

  [Symbol.dispose](): void {
    if (this.#none) return;
    const waitid = bindWaitid();
    const start = performance.now();
    for (;;) {
      const left = ownChildren().filter((pid) => !this.#before.has(pid) && isSilent(pid));
      for (const pid of left) waitid(P_PID, pid, new Int32Array(32), WEXITED | WNOHANG | WCLONE);
      if (performance.now() - start >= (left.length === 0 ? APPEAR_LIMIT : END_LIMIT)) return;
      sleep(5);
    }
  }
}

/** Whether a child gives no signal at its end, as neither fork nor posix_spawn make any. */
function isSilent(pid: number): boolean {
  const text = readText(`/proc/${pid}/stat`) ?? '';
  // Field 38, exit_signal; field 3 is the first behind the name.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[38 - 3] === '0';
}
