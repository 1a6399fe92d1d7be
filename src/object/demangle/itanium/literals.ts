import { giveUp } from '../budget.js';
import { parseEncoding } from './encoding.js';
import { inParentheses, type Node, nameOf, textOf } from './nodes.js';
import type { Parser } from './parser.js';
import { builtinOf, parseType } from './types.js';

/** Literals that need no cast, by type, with their suffix. */
const suffixes: Readonly<Record<string, string>> = { i: '', j: 'u', l: 'l', m: 'ul', x: 'll', y: 'ull' };

/** Digits of the floating-point types, which are mangled as their bytes. */
const floatDigits: Readonly<Record<string, number>> = { f: 8, d: 16, e: 20 };

/** <expr-primary> */
export function parseLiteral(p: Parser): Node {
  p.expect('L');
  if (p.accept('_Z')) {
    const encoding = parseEncoding(p);
    p.expect('E');
    return encoding;
  }
  const code = p.look();
  if (code === 'T') giveUp();
  if (p.accept('b0E')) return nameOf('false');
  if (p.accept('b1E')) return nameOf('true');
  if (p.accept('DnE') || p.accept('Dn0E')) return nameOf('nullptr');
  const digits = floatDigits[code];
  if (digits !== undefined) {
    p.at++;
    const text = p.name.slice(p.at, p.at + digits);
    if (text.length < digits || !/^[0-9a-f]+$/.test(text)) giveUp();
    p.at += digits;
    p.expect('E');
    return nameOf(hexFloat(code, text));
  }
  const isArray = code === 'A';
  const isBuiltin = builtinOf(p) !== undefined;
  const type = parseType(p);
  if (p.accept('E')) {
    // A string, whose characters are not mangled; or a lambda without captures.
    if (isArray) return textOf(['"<', type, '>"']);
    if (type.kind === 'lambda') return textOf(['[]', inParentheses(type.params), '{...}']);
    return isBuiltin ? giveUp() : textOf([inParentheses([type])]);
  }
  const number = p.digits(true).replace('n', '-');
  if (number === '' || number === '-') giveUp();
  p.expect('E');
  const suffix = isBuiltin ? suffixes[code] : undefined;
  if (suffix !== undefined) return nameOf(number + suffix);
  return textOf([inParentheses([type]), number]);
}

/** As C's %a writes it: exact, and the same everywhere. */
function hexFloat(code: string, digits: string): string {
  const bits = BigInt(`0x${digits}`);
  const [mantissaBits, exponentBits] = code === 'f' ? [23n, 8n] : code === 'd' ? [52n, 11n] : [64n, 15n];
  const sign = bits >> (mantissaBits + exponentBits) === 0n ? '' : '-';
  const mantissa = bits & ((1n << mantissaBits) - 1n);
  const stored = (bits >> mantissaBits) & ((1n << exponentBits) - 1n);
  const suffix = code === 'f' ? 'f' : code === 'd' ? '' : 'L';
  if (stored === (1n << exponentBits) - 1n) {
    const infinite = (code === 'e' ? mantissa & ((1n << 63n) - 1n) : mantissa) === 0n;
    return `${sign}${infinite ? 'inf' : 'nan'}${suffix}`;
  }
  if (mantissa === 0n && stored === 0n) return `${sign}0x0p+0${suffix}`;
  const bias = (1n << (exponentBits - 1n)) - 1n;
  let exponent = (stored === 0n ? 1n : stored) - bias;
  let first: bigint;
  let rest: string;
  if (code === 'e') {
    // The x87 format has no implied bit; four bits stand before the point.
    first = mantissa >> 60n;
    rest = (mantissa & ((1n << 60n) - 1n)).toString(16).padStart(15, '0');
    exponent -= 3n;
  } else {
    first = stored === 0n ? 0n : 1n;
    rest =
      code === 'f' ? (mantissa << 1n).toString(16).padStart(6, '0') : mantissa.toString(16).padStart(13, '0');
  }
  rest = rest.replace(/0+$/, '');
  return `${sign}0x${first.toString(16)}${rest === '' ? '' : `.${rest}`}p${exponent < 0n ? '' : '+'}${exponent}${suffix}`;
}
