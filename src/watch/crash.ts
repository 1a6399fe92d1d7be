import { ADDRESS_OFFSET, hasFaultAddress, parseSiginfo } from '../linux/siginfo.js';
import { signalName } from '../linux/signals.js';
import type { ThreadMoment } from '../targets/linux/attached/attached-protocol.js';
import type { OccasionCrash } from './dumps/index.js';

/** What siginfo_t says of a crash, as ptrace gives it: of 64 bits. */
export function crashOf({ tid, siginfo }: ThreadMoment): OccasionCrash {
  const { signal, code } = parseSiginfo(siginfo);
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  const address = hasFaultAddress({ signal, code }) ? view.getBigUint64(ADDRESS_OFFSET, true) : 0n;
  return { signal, signalName: signalName(signal), code, address, thread: tid };
}

/** si_code: the kernel cannot tell the address. */
const SI_KERNEL = 0x80;

export function crashText(
  { signal, signalName: name, code, address, thread }: OccasionCrash,
  last: string,
): string {
  const known = hasFaultAddress({ signal, code }) && code < SI_KERNEL;
  const where = known ? ` at 0x${address.toString(16)}` : '';
  const then = name === last ? '' : `, then ${last}`;
  return `${name}${where} in thread ${thread}${then}`;
}
