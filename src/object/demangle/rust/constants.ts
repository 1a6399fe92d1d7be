import { giveUp } from '../budget.js';
import type { Reader } from './reader.js';
import { writePath } from './v0.js';

const UNSIGNED = 'htmyoj';
const SIGNED = 'aslxni';

/** <const>. What is not a plain literal stands in braces, unless it is part of another value. */
export function writeConst(r: Reader, inValue: boolean): void {
  r.budget.enter();
  const tag = r.next();
  if (tag === 'p') r.write('_');
  else if (UNSIGNED.includes(tag)) writeInteger(r);
  else if (SIGNED.includes(tag)) {
    if (r.accept('n')) r.write('-');
    writeInteger(r);
  } else if (tag === 'b') {
    const value = r.hex();
    if (value !== '0' && value !== '1') giveUp();
    r.write(value === '1' ? 'true' : 'false');
  } else if (tag === 'c') writeCharacter(r);
  else if (tag === 'B') r.atReference(() => writeConst(r, inValue));
  else if (tag === 'R' && r.accept('e')) writeString(r);
  else {
    if (!inValue) r.write('{');
    writeValue(r, tag);
    if (!inValue) r.write('}');
  }
  r.budget.leave();
}

/** References, arrays, tuples and the values of structs and enums. */
function writeValue(r: Reader, tag: string): void {
  switch (tag) {
    case 'e':
      r.write('*');
      writeString(r);
      break;
    case 'R':
    case 'Q':
      r.write(tag === 'R' ? '&' : '&mut ');
      writeConst(r, true);
      break;
    case 'A':
      r.write('[');
      r.list(() => writeConst(r, true));
      r.write(']');
      break;
    case 'T': {
      r.write('(');
      const count = r.list(() => writeConst(r, true));
      r.write(count === 1 ? ',)' : ')');
      break;
    }
    case 'V':
      writePath(r, true);
      writeFields(r);
      break;
    default:
      giveUp();
  }
}

function writeFields(r: Reader): void {
  switch (r.next()) {
    case 'U':
      break;
    case 'T':
      r.write('(');
      r.list(() => writeConst(r, true));
      r.write(')');
      break;
    case 'S':
      r.write(' { ');
      r.list(() => {
        r.tagged62('s');
        r.write(`${r.identifier()}: `);
        writeConst(r, true);
      });
      r.write(' }');
      break;
    default:
      giveUp();
  }
}

/** Decimal, if it has no more than 64 bits. No digits at all are 0. */
function writeInteger(r: Reader): void {
  const digits = r.hex();
  r.write(digits.length <= 16 ? BigInt(`0x${digits || '0'}`).toString() : `0x${digits}`);
}

function writeCharacter(r: Reader): void {
  const digits = r.hex();
  const code = Number.parseInt(digits, 16);
  if (digits.length > 6 || !isScalar(code)) giveUp();
  r.write(`'${escaped(code, "'")}'`);
}

/** The bytes of UTF-8 text. */
function writeString(r: Reader): void {
  const digits = r.hex();
  if (digits.length % 2 !== 0) giveUp();
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    giveUp();
  }
  r.write(`"${Array.from(text, (character) => escaped(character.codePointAt(0)!, '"')).join('')}"`);
}

const isScalar = (code: number) => code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);

const short: Readonly<Record<number, string>> = { 0: '\\0', 9: '\\t', 10: '\\n', 13: '\\r', 92: '\\\\' };

/** As Rust's {:?} writes it. */
function escaped(code: number, quote: string): string {
  const character = String.fromCodePoint(code);
  if (character === quote) return `\\${quote}`;
  if (short[code] !== undefined) return short[code];
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/u.test(character) ? `\\u{${code.toString(16)}}` : character;
}
