import { Budget, giveUp, MAX_TEXT } from '../budget.js';
import { Cursor } from '../cursor.js';
import { decodePunycode } from './punycode.js';

/** Reads the tokens of Rust's v0 mangling and gathers what is written for them. */
export class Reader extends Cursor {
  /** Lifetimes that are bound by the `for<…>` around here. */
  lifetimes = 0;
  /** What is read is not written: the path of an impl, the crate that an instance is in. */
  muted = false;
  #text = '';

  /** @param name from behind `_R`, which is what back references count from */
  constructor(name: string) {
    super(name, 0, new Budget(name));
  }

  get text(): string {
    return this.#text;
  }

  write(text: string): void {
    if (this.muted) return;
    this.#text += text;
    if (this.#text.length > MAX_TEXT) giveUp();
  }

  /** Reads on with `read` at the place that a back reference names, and comes back. */
  atReference<T>(read: () => T): T | undefined {
    const from = this.at - 1;
    const target = this.base62();
    if (target >= from) giveUp();
    if (this.muted) return undefined;
    const back = this.at;
    this.at = target;
    const result = read();
    this.at = back;
    return result;
  }

  /** <base-62-number> */
  base62(): number {
    if (this.accept('_')) return 0;
    let value = 0;
    for (;;) {
      const code = this.next().charCodeAt(0);
      if (code === 95) break;
      if (code >= 48 && code <= 57) value = value * 62 + code - 48;
      else if (code >= 97 && code <= 122) value = value * 62 + code - 97 + 10;
      else if (code >= 65 && code <= 90) value = value * 62 + code - 65 + 36;
      else giveUp();
    }
    // Hashes of crates are larger than a number can be, but nobody wants to see them.
    return value + 1;
  }

  /** 0 if `tag` is not there: <disambiguator> `s`, <binder> `G`. */
  tagged62(tag: string): number {
    return this.accept(tag) ? this.base62() + 1 : 0;
  }

  /** <identifier> without its disambiguator. */
  identifier(): string {
    const encoded = this.accept('u');
    const start = this.at;
    while (/\d/.test(this.look()) && (this.at === start || this.name[start] !== '0')) this.at++;
    const digits = this.name.slice(start, this.at);
    if (digits === '' || digits.length > 6) giveUp();
    this.accept('_');
    const end = this.at + Number(digits);
    if (end > this.name.length) giveUp();
    const text = this.name.slice(this.at, end);
    this.at = end;
    if (!encoded) return text;
    const split = text.lastIndexOf('_');
    return decodePunycode(text.slice(0, Math.max(split, 0)), text.slice(split + 1)) ?? giveUp();
  }

  /** Hexadecimal digits up to an underscore. */
  hex(): string {
    const start = this.at;
    while (/[0-9a-f]/.test(this.look() || '?')) this.at++;
    const digits = this.name.slice(start, this.at);
    this.expect('_');
    return digits;
  }

  /** `write` with commas between, up to `E`; says how many there were. */
  list(write: () => void, separator = ', '): number {
    let count = 0;
    while (!this.accept('E')) {
      if (count++ > 0) this.write(separator);
      write();
    }
    return count;
  }
}
