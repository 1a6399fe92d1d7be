/** Signals 1 to 31 of x86-64 Linux (signal(7)). */
const NAMES =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );
/** The first real-time signal, as the kernel counts. */
const REAL_TIME = 32;

/** The signals of a mask as /proc shows it: hexadecimal, bit 0 is signal 1. */
export function signalsOf(mask: string): string[] {
  let bits = BigInt(`0x${mask.trim() || '0'}`);
  const names: string[] = [];
  for (let signal = 1; bits !== 0n; signal++, bits >>= 1n) {
    if ((bits & 1n) === 0n) continue;
    names.push(signal < REAL_TIME ? `SIG${NAMES[signal - 1]}` : `SIGRT${signal - REAL_TIME}`);
  }
  return names;
}
