import { MinidumpError } from '../io/index.js';

/** A process or thread id. */
export function parseId(text: string, what: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= 0x7fffffff)) throw wrong(`${what} must be a positive number, not '${text}'`);
  return value;
}

/** `4096`, `0x1000`, or with a unit: `64K`, `1MiB`, `2g`. Units are powers of 1024. */
export function parseSize(text: string, what: string): number {
  const match = /^(0x[0-9a-f]+|[0-9]+)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(text);
  const unit = match?.[2]?.toLowerCase();
  const value = match
    ? Number(match[1]) * 1024 ** (unit === undefined ? 0 : 'kmgt'.indexOf(unit) + 1)
    : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw wrong(`${what} must be a size such as 4096, 0x1000, 64K or 1MiB, not '${text}'`);
  }
  return value;
}

/** Decimal, or hexadecimal with `0x`, or what other tools print: `7ffe'12340000`, `00007ffe12340000` with a letter in it. */
export function parseAddress(text: string, what: string): bigint {
  const bare = text.replaceAll(/[`'_]/g, '');
  const digits = /^[0-9]+$/.test(bare) ? bare : `0x${bare.replace(/^0x/i, '')}`;
  if (!/^(?:[0-9]+|0x[0-9a-f]+)$/i.test(digits))
    throw wrong(`${what} must be an address such as 0x7ffe12340000, not '${text}'`);
  const value = BigInt(digits);
  if (value >= 1n << 64n) throw wrong(`${what} does not fit into 64 bits: '${text}'`);
  return value;
}

/** Seconds, fractions allowed, as milliseconds. */
export function parseSeconds(text: string, what: string): number {
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) * 1000 : Number.NaN;
  if (!(value > 0)) throw wrong(`${what} must be a number of seconds greater than 0, not '${text}'`);
  return value;
}

/** One of a few words. */
export function parseChoice<Word extends string>(text: string, words: readonly Word[], what: string): Word {
  const found = words.find((word) => word === text.toLowerCase());
  if (found === undefined) throw wrong(`${what} must be ${words.join(', ')}, not '${text}'`);
  return found;
}

export function wrong(message: string, advice?: string): MinidumpError {
  return new MinidumpError('invalid-argument', message, advice === undefined ? {} : { advice });
}
