/** Signals 1 to 31 of x86-64 Linux (signal(7)). */
const NAMES =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );
/** The first real-time signal, as the kernel counts. */
const REAL_TIME = 32;
const LAST = 64;

/** `SIGSEGV` for 11, `SIGRT2` for 34. */
export function signalName(signal: number): string {
  return signal < REAL_TIME ? `SIG${NAMES[signal - 1]}` : `SIGRT${signal - REAL_TIME}`;
}

/** The number of `SIGUSR1`, `usr1`, `SIGRT2` or `10`; undefined where there is no such signal. */
export function signalNumber(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const index = NAMES.indexOf(name);
  if (index >= 0) return index + 1;
  const [, realTime, digits] = /^(RT)?(\d{1,2})$/.exec(name) ?? [];
  const number = Number(digits) + (realTime === undefined ? 0 : REAL_TIME);
  return number >= 1 && number <= LAST ? number : undefined;
}

/** The signals of a mask as /proc shows it: hexadecimal, bit 0 is signal 1. */
export function signalsOf(mask: string): string[] {
  let bits = BigInt(`0x${mask.trim() || '0'}`);
  const names: string[] = [];
  for (let signal = 1; bits !== 0n; signal++, bits >>= 1n) {
    if ((bits & 1n) === 0n) continue;
    names.push(signalName(signal));
  }
  return names;
}
