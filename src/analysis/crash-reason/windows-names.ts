import { hex32 } from './hex.js';
import { NT_STATUS_NAMES } from './ntstatus.js';
import { WIN_ERROR_NAMES } from './win-errors.js';

/** The names are taken apart when the first one is wanted: most dumps want none. */
function lookUp({ prefix, lines }: { prefix: string; lines: string }): (value: number) => string | undefined {
  let names: Map<number, string> | undefined;
  return (value) => {
    if (names === undefined) {
      names = new Map();
      for (const line of lines.split('\n')) {
        const [first, ...run] = line.split(' ');
        run.forEach((name, i) => {
          names!.set(Number.parseInt(first!, 16) + i, name.startsWith('=') ? name.slice(1) : prefix + name);
        });
      }
    }
    return names.get(value);
  };
}

/** `STATUS_HEAP_CORRUPTION` for 0xc0000374. */
export const ntStatusName = lookUp(NT_STATUS_NAMES);

/** `ERROR_ACCESS_DENIED` for 5. They are all below 0x10000. */
export const winErrorName = lookUp(WIN_ERROR_NAMES);

/** FACILITY_VISUALCPP: the delay loader's. winerror.h has many more; only this one is met in crashes. */
const VISUALCPP = 109;

/**
 * What GetLastError gave, or an exception that has no name of its own. One number can be several things: an error is preferred
 * to an NTSTATUS, which is preferred to an error with a facility, such as 0xc06d007e, the delay loader's ERROR_MOD_NOT_FOUND.
 */
export function windowsErrorName(value: number): string {
  const name = winErrorName(value) ?? ntStatusName(value);
  if (name !== undefined) return name;
  if (value >>> 28 !== 0 && ((value >>> 16) & 0xfff) === VISUALCPP) {
    const error = winErrorName(value & 0xffff);
    if (error !== undefined) return `FACILITY_VISUALCPP / ${error}`;
  }
  return `unknown ${hex32(value)}`;
}
