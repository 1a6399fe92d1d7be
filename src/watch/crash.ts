import { signalName } from '../linux/signals.js';
import type { ThreadMoment } from '../targets/linux/attached/attached-protocol.js';
import type { OccasionCrash } from './dumps/index.js';

/** From siginfo_t: si_signo, si_code, and si_addr, which is there for faults. */
export function crashOf({ tid, siginfo }: ThreadMoment): OccasionCrash {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  const signal = view.getInt32(0, true);
  const code = view.getInt32(8, true);
  const address = code > 0 && FAULTS.has(signal) ? view.getBigUint64(16, true) : 0n;
  return { signal, signalName: signalName(signal), code, address, thread: tid };
}

/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV. */
const FAULTS = new Set([4, 5, 7, 8, 11]);
/** si_code: the kernel cannot tell the address. */
const SI_KERNEL = 0x80;

export function crashText(
  { signal, signalName: name, code, address, thread }: OccasionCrash,
  last: string,
): string {
  const known = FAULTS.has(signal) && code > 0 && code < SI_KERNEL;
  const where = known ? ` at 0x${address.toString(16)}` : '';
  const then = name === last ? '' : `, then ${last}`;
  return `${name}${where} in thread ${thread}${then}`;
}
