import { type Sink, type Task, writeBytes } from '../../io/index.js';

/** So much is written together. */
const CAPACITY = 1 << 18;
/** The longest number and the character behind it. */
const NUMBER = 24;
/** Bytes of UTF-8 that a UTF-16 unit becomes at most. */
const UTF8 = 3;
const SPACE = 0x20;
const LF = 0x0a;
const DIGITS = new TextEncoder().encode('0123456789abcdef');
const encoder = new TextEncoder();

/** Text on its way into a sink, a piece at a time. Numbers become digits in place: a line is no string. */
export class SymText {
  readonly #sink: Sink;
  readonly #bytes = new Uint8Array(CAPACITY);
  #length = 0;
  #written = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Bytes until now. */
  get size(): number {
    return this.#written + this.#length;
  }

  /** Whether it is time to `flush`: there is no room for one more line of numbers. */
  get isFull(): boolean {
    return this.#length > CAPACITY - 12 * NUMBER;
  }

  *flush(): Task<void> {
    const length = this.#length;
    if (length === 0) return;
    this.#length = 0;
    this.#written += length;
    yield* writeBytes(this.#sink, this.#bytes.subarray(0, length));
  }

  /** A whole number that is not negative, in hexadecimal digits, and a space. There must be room: see `isFull`. */
  hex(value: number): void {
    const bytes = this.#bytes;
    let to = this.#length;
    if (value >= 0x1_0000_0000) {
      for (const digit of value.toString(16)) bytes[to++] = digit.charCodeAt(0);
    } else {
      const low = value | 0;
      let shift = 28 - (Math.clz32(low | 1) & 0x1c);
      for (; shift >= 0; shift -= 4) bytes[to++] = DIGITS[(low >>> shift) & 0xf]!;
    }
    bytes[to++] = SPACE;
    this.#length = to;
  }

  /** The same in decimal digits. */
  decimal(value: number): void {
    const bytes = this.#bytes;
    let rest = value;
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    const end = this.#length + digits;
    for (let to = end - 1; to >= this.#length; to--) {
      const above = Math.floor(rest / 10);
      bytes[to] = 0x30 + rest - above * 10;
      rest = above;
    }
    bytes[end] = SPACE;
    this.#length = end + 1;
  }

  /** Ends a line behind a number: the space becomes a line feed. */
  endNumbers(): void {
    this.#bytes[this.#length - 1] = LF;
  }

  /** Text of any length as it is. */
  *text(text: string): Task<void> {
    if (text.length * UTF8 > CAPACITY - this.#length) yield* this.flush();
    if (text.length * UTF8 > CAPACITY) {
      const bytes = encoder.encode(text);
      this.#written += bytes.length;
      yield* writeBytes(this.#sink, bytes);
      return;
    }
    const own = this.#bytes;
    if (text.length < 24) {
      // Short and ASCII, as `FUNC `: the encoder would cost more than it does.
      let i = 0;
      for (let code = text.charCodeAt(0); code < 0x80; code = text.charCodeAt(++i))
        own[this.#length + i] = code;
      if (i === text.length) {
        this.#length += i;
        return;
      }
    }
    this.#length += encoder.encodeInto(text, own.subarray(this.#length)).written;
  }

  /** A name that ends a line. What would end it before, or begin another, becomes a space. */
  *lastName(name: string): Task<void> {
    yield* this.text(/[\n\r\0]/.test(name) ? name.replaceAll(/[\n\r\0]+/g, ' ') : name);
    yield* this.text('\n');
  }
}
