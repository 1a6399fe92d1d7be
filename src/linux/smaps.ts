import type { AddressRange } from '../dump/ranges.js';

/** A mapping of /proc/PID/smaps with its VmFlags, two letters each (proc(5)). */
export interface FlaggedMapping extends AddressRange {
  flags: readonly string[];
}

const HEADER = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) /;
const FLAGS = 'VmFlags:';

/** The mappings that have one of these flags. The text may be long: a kilobyte a mapping. */
export function mappingsWithFlags(smaps: string, wanted: readonly string[]): FlaggedMapping[] {
  const found: FlaggedMapping[] = [];
  let header: RegExpExecArray | null = null;
  for (let at = 0; at < smaps.length; ) {
    const newline = smaps.indexOf('\n', at);
    const end = newline < 0 ? smaps.length : newline;
    // Addresses are in small letters; the names of values begin with a capital.
    if (smaps.charCodeAt(at) >= 0x61 || smaps.charCodeAt(at) <= 0x39)
      header = HEADER.exec(smaps.slice(at, end));
    else if (header !== null && smaps.startsWith(FLAGS, at)) {
      const flags = smaps
        .slice(at + FLAGS.length, end)
        .trim()
        .split(' ');
      if (flags.some((flag) => wanted.includes(flag))) {
        found.push({ start: BigInt(`0x${header[1]}`), end: BigInt(`0x${header[2]}`), flags });
      }
    }
    at = end + 1;
  }
  return found;
}
