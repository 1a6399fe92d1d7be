import { libc, loadKoffi, ownLibrary } from '../../../node/libc.js';

/**
 * Wakes a thread that waits in the kernel (waitid) by a signal. Nobody else uses this one: it is one of the real-time signals, counted from
 * the last; glibc keeps the first two for itself, and so do profilers with the next ones.
 */
const WAKE_SIGNAL = 62;
/** struct sigaction of glibc and musl: the handler, 128 bytes of a mask, flags. */
const SIGACTION_WORDS = 19;

/** Has the signal interrupt a call of the kernel and do nothing else: its handler is abs(3), and there is no SA_RESTART. */
export function prepareWaking(): void {
  const handler = loadKoffi().address(ownLibrary().symbol('abs', 'void *'));
  const action = new BigUint64Array(SIGACTION_WORDS);
  action[0] = handler;
  libc('int sigaction(int signal, void *action, void *old)')(WAKE_SIGNAL, action, null);
}

export function wake(tid: number): void {
  libc('int tgkill(int pid, int tid, int signal)')(process.pid, tid, WAKE_SIGNAL);
}
