/**
 * What would drive the terminal instead of being shown on it: control characters, what reverses or hides text (bidirectional
 * and zero-width marks), line separators, and halves of surrogate pairs.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };

/**
 * Text from a dump as it may be printed: a dump comes from anywhere, and its names, paths and command lines must not be
 * able to drive the terminal or to forge a line of output.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => SHORT[c] ?? unicodeEscape(c));
}

/** The same for a text of several lines, such as a file of /proc: its line ends and tabs stay. */
export function printableLines(text: string): string {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n');
}

/** The same for JSON, which stays the same JSON: only what `JSON.stringify` leaves as it is needs an escape. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (c) => (c === '\n' ? c : unicodeEscape(c)));
}

function unicodeEscape(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** `0x7ffe12340000`; `digits` pads with zeros. */
export function hex(value: bigint | number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/** An address, wide enough to stand in a column. */
export function address(value: bigint | number): string {
  return hex(value, 12);
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `812 bytes`, `1.9 MiB`. */
export function size(bytes: bigint | number): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return value === 1 ? '1 byte' : `${value} bytes`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/** `1 thread`, `12 threads`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `2026-01-31 12:00:00 UTC` of seconds since 1970. */
export function time(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export interface Column {
  title: string;
  /** Numbers stand right, so that their digits stand below one another. */
  right?: boolean;
}

/** Rows below titles; the last column is not padded. Cells must be printable already. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  title = (t: string) => t,
): string {
  const widths = columns.map((column, i) =>
    rows.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), column.title.length),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? '';
        if (column.right) return cell.padStart(widths[i]!);
        return i === columns.length - 1 ? cell : cell.padEnd(widths[i]!);
      })
      .join('  ')
      .trimEnd();
  return [title(line(columns.map((c) => c.title))), ...rows.map(line)].join('\n');
}

/** Names in front of their values, all values in one column. */
export function fields(
  entries: readonly (readonly [name: string, value: string])[],
  name = (t: string) => t,
): string {
  const width = Math.max(...entries.map(([n]) => n.length));
  return entries
    .map(([n, value]) => `${name(n.padEnd(width))}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`)
    .join('\n');
}

/** Bytes as `hexdump -C` shows them: address, 16 bytes, and what of them is ASCII. */
export function hexDump(bytes: Uint8Array, start: bigint | number): string {
  const lines: string[] = [];
  const base = BigInt(start);
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const cells = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
    const left = cells.slice(0, 8).join(' ').padEnd(23);
    const right = cells.slice(8).join(' ').padEnd(23);
    const ascii = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
    lines.push(
      `${(base + BigInt(at)).toString(16).padStart(12, '0')}  ${left}  ${right}  |${ascii.join('')}|`,
    );
  }
  return lines.join('\n');
}
