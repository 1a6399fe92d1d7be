/** `97`, `0.5`: no more digits than a reader wants. */
export function number(value: number): string {
  return String(Math.abs(value) < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 MiB`, `1.5 GiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number(value)} ${UNITS[unit]}`;
}

/** `(limit 90 %)`, `(limit: below 5 %)`. */
export function limitText(kind: string, limit: string): string {
  return kind.endsWith('-below') ? `(limit: below ${limit})` : `(limit ${limit})`;
}
