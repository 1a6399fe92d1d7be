import { bounded, giveUp } from '../budget.js';
import { hexDigit, isHexLetter, type Reader } from './reader.js';

/** Of bytes, that are kept of a literal: 32, but some compilers keep as many characters of 4 bytes. */
const MAX_BYTES = 128;

/** Behind `??_C`: a string literal as it stands in a source, as far as its name has it. */
export function parseStringLiteral(r: Reader): string {
  r.expect('@_');
  const wide = r.next();
  if (wide !== '0' && wide !== '1') giveUp();
  const size = r.unsigned();
  // A checksum.
  const end = r.name.indexOf('@', r.at);
  if (end < 0) giveUp();
  r.at = end + 1;
  return wide === '1' ? wideLiteral(r, size) : narrowLiteral(r, size);
}

/** `size` in bytes, with the 0 at the end, which is not written. */
function wideLiteral(r: Reader, size: bigint): string {
  if (size < 2n || r.ended) giveUp();
  const truncated = size > 64n;
  let text = '';
  for (let left = size; !r.accept('@'); left -= 2n) {
    if (left === 0n || left % 2n !== 0n) giveUp();
    const code = (characterByte(r) << 8) | characterByte(r);
    if (left !== 2n || truncated) text = bounded(text + escaped(code));
  }
  return `L"${text}"${truncated ? '...' : ''}`;
}

function narrowLiteral(r: Reader, size: bigint): string {
  if (size < 1n || r.ended) giveUp();
  const bytes: number[] = [];
  while (!r.accept('@')) {
    if (bytes.length >= MAX_BYTES) giveUp();
    bytes.push(characterByte(r));
  }
  const truncated = size > BigInt(bytes.length);
  const width = characterWidth(bytes, size);
  const count = Math.floor(bytes.length / width);
  let text = '';
  for (let i = 0; i < (truncated ? count : count - 1); i++) {
    let code = 0;
    for (let k = 0; k < width; k++) code += bytes[i * width + k]! * 2 ** (8 * k);
    text += escaped(code);
  }
  return `${width === 4 ? 'U' : width === 2 ? 'u' : ''}"${text}"${truncated ? '...' : ''}`;
}

/**
 * The name does not say how wide the characters are: whoever reads it guesses, LLVM (as here) by the zeroes at the end, or in
 * all of what is there if the end is not.
 */
function characterWidth(bytes: readonly number[], size: bigint): 1 | 2 | 4 {
  if (size % 2n === 1n) return 1;
  const four = size % 4n === 0n;
  if (size < 32n) {
    const last = bytes.findLastIndex((byte) => byte !== 0);
    const zeroes = bytes.length - 1 - last;
    return zeroes >= 4 && four ? 4 : zeroes >= 2 ? 2 : 1;
  }
  const zeroes = bytes.filter((byte) => byte === 0).length;
  if (zeroes >= Math.floor((2 * bytes.length) / 3) && four) return 4;
  return zeroes >= Math.floor(bytes.length / 3) ? 2 : 1;
}

/** What `?0` to `?9` stand for. */
const shorthands = ",/\\:. \n\t'-";

function characterByte(r: Reader): number {
  const first = r.next();
  if (first !== '?') return byteOf(first);
  const code = r.next();
  if (code === '$') {
    const high = r.next();
    const low = r.next();
    if (!isHexLetter(high) || !isHexLetter(low)) giveUp();
    return hexDigit(high) * 16 + hexDigit(low);
  }
  if (code >= '0' && code <= '9') return shorthands.charCodeAt(Number(code));
  // Letters with the highest bit.
  return /[a-zA-Z]/.test(code) ? code.charCodeAt(0) | 0x80 : giveUp();
}

/** Names are ASCII there; other text was something else before it was decoded. */
function byteOf(character: string): number {
  const code = character.charCodeAt(0);
  return code < 0x80 ? code : giveUp();
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  "'": "\\'",
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function escaped(code: number): string {
  if (code > 0x1f && code < 0x7f) {
    const character = String.fromCharCode(code);
    return escapes[character] ?? character;
  }
  if (code < 0x20) {
    const short = escapes[String.fromCharCode(code)];
    if (short !== undefined) return short;
  }
  const hex = code.toString(16).toUpperCase();
  return `\\x${hex.padStart(hex.length + (hex.length % 2), '0')}`;
}
