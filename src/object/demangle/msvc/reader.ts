import { giveUp } from '../budget.js';
import { Cursor } from '../cursor.js';
import { type Identifier, identifierOf, type Type } from './nodes.js';
import { completeText } from './render.js';

/** Each digit stands for one. */
const MAX_REFERENCES = 10;

/** What digits refer back to. Each template has its own. */
interface References {
  names: { identifier: Identifier; key: string }[];
  params: Type[];
}

/** Where we are in one of Microsoft's mangled names, and what it may refer back to. */
export class Reader extends Cursor {
  #references: References = { names: [], params: [] };

  /** Reads something that has back references of its own: the arguments of a template, with its name. */
  apart<T>(read: () => T): T {
    const outer = this.#references;
    this.#references = { names: [], params: [] };
    const result = read();
    this.#references = outer;
    return result;
  }

  /** The first ten names that differ can be referred to. */
  remember(identifier: Identifier): void {
    const { names } = this.#references;
    if (names.length >= MAX_REFERENCES) return;
    const text = completeText(identifier, this.budget);
    if (names.some((known) => known.key === text)) return;
    // What these say is set later, by what they are the name of: not here, nor there once more.
    const { kind } = identifier.is;
    const named = kind === 'structor' || kind === 'conversion' ? identifierOf(text) : identifier;
    names.push({ identifier: named, key: text });
  }

  rememberParam(type: Type): void {
    const { params } = this.#references;
    if (params.length < MAX_REFERENCES) params.push(type);
  }

  referredName(): Identifier {
    return this.#references.names[Number(this.next())]?.identifier ?? giveUp();
  }

  referredParam(): Type {
    return this.#references.params[Number(this.next())] ?? giveUp();
  }

  /** What is before the next `@`, which is taken too. */
  simpleString(): string {
    const end = this.name.indexOf('@', this.at);
    if (end <= this.at) giveUp();
    const text = this.name.slice(this.at, end);
    this.at = end + 1;
    return text;
  }

  simpleName(): Identifier {
    const identifier = identifierOf(this.simpleString());
    this.remember(identifier);
    return identifier;
  }

  /** A number without its sign, of 64 bits: a digit is 1 to 10, and letters from A to P are digits of base 16 before an `@`. */
  magnitude(): bigint {
    if (this.digit) return BigInt(this.next()) + 1n;
    const start = this.at;
    while (isHexLetter(this.look())) this.at++;
    const letters = this.name.slice(start, this.at);
    this.expect('@');
    if (letters === '') return 0n;
    const hex = [...letters.slice(-16)].map((letter) => hexDigit(letter).toString(16)).join('');
    return BigInt(`0x${hex}`);
  }

  unsigned(): bigint {
    return this.look() === '?' ? giveUp() : this.magnitude();
  }

  /** Of 64 bits. */
  signed(): bigint {
    const negative = this.accept('?');
    const value = this.magnitude();
    if (value > 0x7fff_ffff_ffff_ffffn) giveUp();
    return negative ? -value : value;
  }

  /** As it is written: a negative number may have all of 64 bits behind its sign. */
  numberText(): string {
    const negative = this.accept('?');
    return (negative ? '-' : '') + this.magnitude();
  }
}

const A = 65;

export const isHexLetter = (letter: string) => letter >= 'A' && letter <= 'P' && letter.length === 1;

export const hexDigit = (letter: string) => letter.charCodeAt(0) - A;
