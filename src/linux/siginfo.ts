/** Bytes of siginfo_t. */
export const SIGINFO_SIZE = 128;
/** Where si_addr stands in a siginfo_t of 64 bits. */
export const ADDRESS_OFFSET = 16;

/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: siginfo_t has the address of the fault. */
const FAULTS = new Set([4, 5, 7, 8, 11]);

/** What all siginfo_t begin with. */
export interface SignalInfo {
  /** si_signo */
  readonly signal: number;
  /** si_code: above 0 the kernel raised the signal, else somebody sent it. */
  readonly code: number;
}

export function parseSiginfo(siginfo: Uint8Array): SignalInfo {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  return { signal: view.getInt32(0, true), code: view.getInt32(8, true) };
}

/** Whether si_addr is the address of a fault; of a signal that somebody sent the sender is at that place. */
export function hasFaultAddress({ signal, code }: SignalInfo): boolean {
  return code > 0 && FAULTS.has(signal);
}
