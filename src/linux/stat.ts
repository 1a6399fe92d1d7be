/** How long a clock tick of /proc is, in milliseconds: USER_HZ is 100 wherever Linux runs Node. */
export const CLOCK_TICK = 10;

/** What mdmp needs of /proc/PID/stat or /proc/PID/task/TID/stat; proc(5) numbers the fields from 1. */
export interface Stat {
  name: string;
  /** R, S, D, T, t, Z, X … */
  state: string;
  minorFaults: number;
  majorFaults: number;
  /** In clock ticks. */
  userTime: number;
  kernelTime: number;
  priority: number;
  nice: number;
  /** Threads of the process; in the stat of a thread as well. */
  threads: number;
  /** In clock ticks since the machine started. */
  startTime: number;
  /** The stack pointer that the program began with; 0 without the right to know. */
  startStack: bigint;
  /** Where the kernel put the arguments and the environment; 0 without the right to know. */
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
  /** What waitpid(2) will give, once it is known that the process ends; else 0. */
  exitStatus: number;
}

export function parseStat(text: string): Stat {
  // The name may hold spaces and parentheses: it ends at the last one.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  const field = (number: number) => rest[number - 3] ?? '0';
  return {
    name: text.slice(open + 1, close),
    state: field(3),
    minorFaults: Number(field(10)),
    majorFaults: Number(field(12)),
    userTime: Number(field(14)),
    kernelTime: Number(field(15)),
    priority: Number(field(18)),
    nice: Number(field(19)),
    threads: Number(field(20)),
    startTime: Number(field(22)),
    startStack: BigInt(field(28)),
    argStart: BigInt(field(48)),
    argEnd: BigInt(field(49)),
    envStart: BigInt(field(50)),
    envEnd: BigInt(field(51).trim()),
    exitStatus: Number(field(52)),
  };
}

/** The `Key:\tvalue` lines of /proc/PID/status. */
export function parseStatus(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return values;
}

/** A value of /proc/PID/status or of its kind that is in kB (`VmRSS`), in bytes; undefined where there is none. */
export function statusBytes(fields: ReadonlyMap<string, string>, name: string): number | undefined {
  const kilobytes = /^(\d+) kB$/.exec(fields.get(name) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
