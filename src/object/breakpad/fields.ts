/** The value of each byte as a hexadecimal digit; 16 where it is none. */
export const HEX_DIGITS = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX_DIGITS[text.charCodeAt(0)] = digit;
  HEX_DIGITS[text.toUpperCase().charCodeAt(0)] = digit;
}

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const MINUS = 0x2d;
/** What a number is that is none, or is too large. */
export const BROKEN = -1;
const MAX_U32 = 0xffff_ffff;

/** The fields of one line, separated by spaces or tabs, read from left to right. */
export class Fields {
  #bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;

  /** From `at` to the line feed at `end`; any number of carriage returns before it do not count. */
  open(bytes: Uint8Array, at: number, end: number): void {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
    while (this.end > at && bytes[this.end - 1] === CR) this.end--;
  }

  #skipSpaces(): void {
    while (this.at < this.end && (this.#bytes[this.at] === SPACE || this.#bytes[this.at] === TAB)) this.at++;
  }

  /** Steps over a field, if it is this text. */
  takes(text: string): boolean {
    this.#skipSpaces();
    const { at } = this;
    for (let i = 0; i < text.length; i++) {
      if (at + i >= this.end || this.#bytes[at + i] !== text.charCodeAt(i)) return false;
    }
    if (!this.#endsAt(at + text.length)) return false;
    this.at = at + text.length;
    return true;
  }

  #endsAt(at: number): boolean {
    return at >= this.end || this.#bytes[at] === SPACE || this.#bytes[at] === TAB;
  }

  /** A hexadecimal number of up to 8 digits. */
  hex32(): number {
    const value = this.hex();
    return value > MAX_U32 ? BROKEN : value;
  }

  /** A hexadecimal number of up to 16 digits, below 2^53. */
  hex(): number {
    this.#skipSpaces();
    const start = this.at;
    let value = 0;
    for (; this.at < this.end; this.at++) {
      const digit = HEX_DIGITS[this.#bytes[this.at]!]!;
      if (digit === 16) break;
      value = value * 16 + digit;
    }
    const digits = this.at - start;
    return digits > 0 && digits <= 16 && value <= Number.MAX_SAFE_INTEGER && this.#endsAt(this.at)
      ? value
      : BROKEN;
  }

  /** A decimal number below 2^32. */
  decimal(): number {
    this.#skipSpaces();
    const start = this.at;
    let value = 0;
    for (; this.at < this.end; this.at++) {
      const digit = this.#bytes[this.at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return this.at > start && value <= MAX_U32 && this.#endsAt(this.at) ? value : BROKEN;
  }

  /** A number of a source line: below zero is 0, "not known", as symbolic has it. */
  lineNumber(): number {
    this.#skipSpaces();
    if (this.#bytes[this.at] !== MINUS || this.at >= this.end) return this.decimal();
    this.at++;
    return this.decimal() === BROKEN ? BROKEN : 0;
  }

  /** Whether the next field is a whole number, maybe negative, and another field follows. */
  get nextIsNumber(): boolean {
    this.#skipSpaces();
    let at = this.at;
    if (at < this.end && this.#bytes[at] === MINUS) at++;
    const digits = at;
    while (at < this.end && this.#bytes[at]! >= 0x30 && this.#bytes[at]! <= 0x39) at++;
    return at > digits && at < this.end && this.#endsAt(at);
  }

  /** Steps over the next field; its end is `at`. */
  skipField(): number {
    this.#skipSpaces();
    const start = this.at;
    while (!this.#endsAt(this.at)) this.at++;
    return start;
  }

  /** Where the rest begins, which goes to `end`. */
  rest(): number {
    this.#skipSpaces();
    return this.at;
  }

  /** How many fields are left. */
  count(): number {
    const { at } = this;
    let count = 0;
    for (;;) {
      this.#skipSpaces();
      if (this.at >= this.end) break;
      this.skipField();
      count++;
    }
    this.at = at;
    return count;
  }
}

/**
 * A source line as nearly all stand in a file: `address size line file`, one space between, lower numbers than 2^28. Four in
 * five bytes of a file are these; a reader of fields takes three times as long.
 */
export class LineRecord {
  address = 0;
  size = 0;
  line = 0;
  file = 0;

  /**
   * The place after the line feed; BROKEN if the record is written in another way, or is none. There must be a line feed at
   * or after `at`.
   */
  read(bytes: Uint8Array, start: number): number {
    let at = start;
    let value = 0;
    let digit = HEX_DIGITS[bytes[at]!]!;
    while (digit < 16) {
      value = (value << 4) | digit;
      digit = HEX_DIGITS[bytes[++at]!]!;
    }
    if (at === start || at - start > 7 || bytes[at] !== SPACE) return BROKEN;
    this.address = value;

    let from = ++at;
    value = 0;
    digit = HEX_DIGITS[bytes[at]!]!;
    while (digit < 16) {
      value = (value << 4) | digit;
      digit = HEX_DIGITS[bytes[++at]!]!;
    }
    if (at === from || at - from > 7 || bytes[at] !== SPACE) return BROKEN;
    this.size = value;

    from = ++at;
    value = 0;
    digit = bytes[at]! - 0x30;
    while (digit >= 0 && digit <= 9) {
      value = Math.imul(value, 10) + digit;
      digit = bytes[++at]! - 0x30;
    }
    if (at === from || at - from > 9 || bytes[at] !== SPACE) return BROKEN;
    this.line = value;

    from = ++at;
    value = 0;
    digit = bytes[at]! - 0x30;
    while (digit >= 0 && digit <= 9) {
      value = Math.imul(value, 10) + digit;
      digit = bytes[++at]! - 0x30;
    }
    if (at === from || at - from > 9) return BROKEN;
    this.file = value;
    while (bytes[at] === CR) at++;
    return bytes[at] === LF ? at + 1 : BROKEN;
  }
}
