import { MinidumpError } from '../../../io/index.js';

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** A match: bytes `[start, end)`. */
export interface Match {
  start: number;
  end: number;
  encoding: TextEncoding;
}

/** A value that is looked for, in all its encodings. */
export interface Pattern {
  /** For people. What is looked for is not shown, of a text only its length: it is a secret, and reports are kept. */
  readonly name: string;
  /** Bytes of the longest match that is found whole wherever it lies; of a longer one a part may be left. */
  readonly longest: number;
  /** All matches in a piece of memory, in no order; they may overlap. */
  find(bytes: Uint8Array): Match[];
}

/** Fewer characters are everywhere by chance, in numbers and pointers: what was left would be no dump. */
const LEAST_CHARACTERS = 4;
/** Bytes of a match of a regular expression. */
const LONGEST_MATCH = 4096;

/**
 * What to look for: texts as they are, in UTF-8 and in UTF-16 of both byte orders, and regular expressions, in UTF-8 and in UTF-16 of the
 * dump's byte order. Expressions are named by their number among them.
 */
export function patternsOf(wanted: readonly (string | RegExp)[], littleEndian: boolean): Pattern[] {
  let expressions = 0;
  return wanted.map((one) =>
    typeof one === 'string'
      ? new TextPattern(one, littleEndian)
      : new ExpressionPattern(one, ++expressions, littleEndian),
  );
}

class TextPattern implements Pattern {
  readonly name: string;
  readonly longest: number;
  readonly #forms: readonly { encoding: TextEncoding; bytes: Uint8Array; anchor: number }[];

  /** The byte order of the dump comes first. */
  constructor(text: string, littleEndian: boolean) {
    if (text.length < LEAST_CHARACTERS) {
      throw new MinidumpError(
        'invalid-argument',
        `a text to scrub must have ${LEAST_CHARACTERS} characters or more, not ${text.length}`,
        { advice: 'A shorter one is found all over, in numbers and pointers. Give more of the value.' },
      );
    }
    this.name = `a text of ${text.length} characters`;
    const forms: [TextEncoding, Uint8Array][] = [
      ['utf-8', new TextEncoder().encode(text)],
      ['utf-16le', utf16(text, true)],
      ['utf-16be', utf16(text, false)],
    ];
    if (!littleEndian) forms.reverse();
    this.#forms = forms.map(([encoding, bytes]) => ({ encoding, bytes, anchor: anchorOf(bytes) }));
    this.longest = Math.max(...forms.map(([, bytes]) => bytes.length));
  }

  find(bytes: Uint8Array): Match[] {
    const matches: Match[] = [];
    // Behind a zero, text in one byte order looks like the same in the other, a byte earlier: it counts once.
    const wide = new Set<number>();
    for (const { encoding, bytes: form, anchor } of this.#forms) {
      const first = form[anchor]!;
      const last = bytes.length - form.length + anchor;
      for (let at = bytes.indexOf(first, anchor); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1)) {
        const start = at - anchor;
        if (!equal(bytes, start, form) || wide.has(start - 1) || wide.has(start + 1)) continue;
        if (encoding !== 'utf-8') wide.add(start);
        matches.push({ start, end: start + form.length, encoding });
      }
    }
    return matches;
  }
}

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), littleEndian);
  return bytes;
}

/** The byte to look for first: zeros are everywhere. */
function anchorOf(bytes: Uint8Array): number {
  const at = bytes.findIndex((byte) => byte !== 0);
  return Math.max(at, 0);
}

function equal(bytes: Uint8Array, start: number, form: Uint8Array): boolean {
  for (let k = 0; k < form.length; k++) if (bytes[start + k] !== form[k]) return false;
  return true;
}

class ExpressionPattern implements Pattern {
  readonly name: string;
  readonly longest = LONGEST_MATCH;
  readonly #expression: RegExp;
  readonly #utf16: 'utf-16le' | 'utf-16be';

  constructor(expression: RegExp, number: number, littleEndian: boolean) {
    this.name = `expression ${number}`;
    this.#expression = new RegExp(expression.source, `${expression.flags.replaceAll(/[gy]/g, '')}g`);
    this.#utf16 = littleEndian ? 'utf-16le' : 'utf-16be';
  }

  find(bytes: Uint8Array): Match[] {
    const matches: Match[] = [];
    const { text, offsets } = decodeUtf8(bytes);
    for (const [start, end] of this.#matches(text)) {
      matches.push({ start: offsets[start]!, end: offsets[end]!, encoding: 'utf-8' });
    }
    const decoder = new TextDecoder(this.#utf16, { ignoreBOM: true });
    for (const shift of [0, 1]) {
      const units = (bytes.length - shift) >> 1;
      if (units <= 0) continue;
      // A half of a surrogate pair becomes U+FFFD, which is one unit, too.
      const text = decoder.decode(bytes.subarray(shift, shift + units * 2));
      for (const [start, end] of this.#matches(text)) {
        matches.push({ start: shift + start * 2, end: shift + end * 2, encoding: this.#utf16 });
      }
    }
    return matches;
  }

  *#matches(text: string): Generator<[start: number, end: number]> {
    for (const match of text.matchAll(this.#expression)) {
      if (match[0].length > 0) yield [match.index, match.index + match[0].length];
    }
  }
}

/** Text of bytes that are UTF-8 here and there, and for each of its units the byte that it begins with. Other bytes are U+FFFD. */
function decodeUtf8(bytes: Uint8Array): { text: string; offsets: Uint32Array } {
  const units = new Uint16Array(bytes.length);
  const offsets = new Uint32Array(bytes.length + 1);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const size = utf8Length(bytes, at);
    offsets[length] = at;
    if (size === 1) units[length++] = bytes[at]!;
    else if (size === 0) units[length++] = 0xfffd;
    else {
      let code = bytes[at]! & (0xff >> (size + 1));
      for (let k = 1; k < size; k++) code = (code << 6) | (bytes[at + k]! & 0x3f);
      if (code > 0xffff) {
        units[length++] = 0xd800 + ((code - 0x10000) >> 10);
        offsets[length] = at;
        units[length++] = 0xdc00 + ((code - 0x10000) & 0x3ff);
      } else {
        units[length++] = code;
      }
    }
    at += Math.max(size, 1);
  }
  offsets[length] = bytes.length;
  return {
    text: new TextDecoder('utf-16le', { ignoreBOM: true }).decode(
      littleEndianUnits(units.subarray(0, length)),
    ),
    offsets,
  };
}

/** The bytes of units in the order that the decoder wants, whatever the machine's. */
function littleEndianUnits(units: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(units.buffer, units.byteOffset, units.byteLength);
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return bytes;
  return bytes.map((_, i) => bytes[i ^ 1]!);
}

/** Bytes of the UTF-8 sequence at a place; 0 where there is none. */
export function utf8Length(bytes: Uint8Array, at: number): 0 | 1 | 2 | 3 | 4 {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size =
    first >= 0xc2 && first < 0xe0
      ? 2
      : first >= 0xe0 && first < 0xf0
        ? 3
        : first >= 0xf0 && first < 0xf5
          ? 4
          : 0;
  if (size === 0 || at + size > bytes.length) return 0;
  for (let k = 1; k < size; k++) if ((bytes[at + k]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  // Overlong forms, surrogates, and what lies beyond Unicode.
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return size;
}

/** Overwrites the part of a match that lies in `[from, from + into.length)` with asterisks in its encoding. */
export function maskMatch(into: Uint8Array, from: number, { start, end, encoding }: Match): void {
  const first = Math.max(start, from);
  const last = Math.min(end, from + into.length);
  for (let at = first; at < last; at++) {
    const low = ((at - start) & 1) === (encoding === 'utf-16be' ? 1 : 0);
    into[at - from] = encoding === 'utf-8' || low ? ASTERISK : 0;
  }
}
const ASTERISK = 0x2a;
