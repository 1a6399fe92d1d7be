/** A line of a file such as /etc/lsb-release or /proc/cpuinfo, taken apart. */
type Entry = readonly [key: string, value: string];

/**
 * Without the blanks of ASCII at its ends; JavaScript's own trim takes others too. Not a regular expression: a text of blanks
 * alone would take it a time that grows with the square.
 */
function trimmed(text: string): string {
  const blanks = ' \t\n\f\r';
  let start = 0;
  let end = text.length;
  while (start < end && blanks.includes(text[start]!)) start++;
  while (end > start && blanks.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function unquoted(text: string): string {
  const inner = trimmed(text);
  return inner.length >= 2 && inner.startsWith('"') && inner.endsWith('"') ? inner.slice(1, -1) : inner;
}

/** `KEY=value` or `key : value`, line by line, without blanks and quotes around them; other lines count for nothing. */
function* entriesOf(text: string, separator: string): Generator<Entry> {
  for (const line of text.split('\n')) {
    const at = line.indexOf(separator);
    if (at >= 0) yield [unquoted(line.slice(0, at)), unquoted(line.slice(at + 1))];
  }
}

/** The distribution. What its file does not tell is empty. */
export interface LsbRelease {
  codename: string;
  description: string;
  id: string;
  release: string;
}

/** Both forms of the file: /etc/lsb-release, and /etc/os-release, which some writers put in its place. */
const releaseKeys: Readonly<Record<string, keyof LsbRelease>> = {
  DISTRIB_ID: 'id',
  ID: 'id',
  DISTRIB_RELEASE: 'release',
  VERSION_ID: 'release',
  DISTRIB_CODENAME: 'codename',
  VERSION_CODENAME: 'codename',
  DISTRIB_DESCRIPTION: 'description',
  PRETTY_NAME: 'description',
};

/** The last line about a thing counts. */
export function lsbRelease(text: string): LsbRelease {
  const release: LsbRelease = { codename: '', description: '', id: '', release: '' };
  for (const [key, value] of entriesOf(text, '=')) {
    if (Object.hasOwn(releaseKeys, key)) release[releaseKeys[key]!] = value;
  }
  return release;
}

/** A limit: a number of its unit. */
export type Limit = number | 'unlimited';

export interface ProcLimit {
  hard: Limit;
  name: string;
  soft: Limit;
  /** `bytes`, `files`, `seconds`; `n/a` where the kernel prints none. */
  unit: string;
}

/**
 * /proc/PID/limits: a heading, and a line for each limit, in columns that are at least two spaces apart. Of two lines with one name
 * the last counts. Numbers above 2^53 are rounded; the kernel prints the largest as `unlimited`.
 */
export function procLimits(text: string): ProcLimit[] {
  const limits = new Map<string, ProcLimit>();
  const [, ...lines] = text.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const [name, soft, hard, unit] = line.split('  ').filter((column) => column !== '');
    if (name === undefined || soft === undefined || hard === undefined) continue;
    limits.set(name.trim(), {
      hard: limit(hard),
      name: name.trim(),
      soft: limit(soft),
      unit: unit === undefined ? 'n/a' : unit.trim(),
    });
  }
  return [...limits.values()];
}

/** What is no 64-bit number counts as 0, as in rust-minidump. */
function limit(text: string): Limit {
  const value = text.trim();
  if (value === 'unlimited') return value;
  return /^\d{1,20}$/.test(value) && BigInt(value) < 1n << 64n ? Number(value) : 0;
}

/** The revision of the microcode in /proc/cpuinfo: `0xb4`. Of all processors the first counts. */
export function microcodeVersion(cpuInfo: string): string | null {
  for (const [key, value] of entriesOf(cpuInfo, ':')) {
    if (key !== 'microcode') continue;
    const digits = /^0x0*([0-9a-f]{1,16})$/i.exec(value)?.[1];
    return digits === undefined ? null : `0x${digits.toLowerCase()}`;
  }
  return null;
}

/** Pid of /proc/PID/status; 0 where it cannot be read. */
export function statusPid(status: string): number {
  for (const [key, value] of entriesOf(status, ':')) {
    if (key === 'Pid') return /^\d{1,10}$/.test(value) && Number(value) < 2 ** 32 ? Number(value) : 0;
  }
  return 0;
}
