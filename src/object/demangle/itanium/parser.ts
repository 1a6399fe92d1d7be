import { giveUp } from '../budget.js';
import { Cursor, isDigit } from '../cursor.js';
import type { Node } from './nodes.js';

type Forward = Extract<Node, { kind: 'forward' }>;

/** Where we are in a mangled name, and what it may refer back to. The grammar itself is in the files beside this one. */
export class Parser extends Cursor {
  /** What `S_`, `S0_` … stand for. */
  readonly substitutions: Node[] = [];
  /** What `T_`, `T0_` … stand for: a list for each level of templates, from the outermost. */
  templateParams: (Node | undefined)[][] = [];
  forwards: Forward[] = [];
  /** In the type of a conversion operator template arguments belong to the operator, and come after they are named. */
  conversionType = false;
  mayTakeTemplateArgs = true;
  /** The level of `auto` in the parameters of a lambda, or -1. */
  lambdaLevel = -1;
  /** How many names were made up for declared template parameters: `$T`, `$N`, `$TT`. */
  readonly invented = { T: 0, N: 0, TT: 0 };

  /** Decimal digits as they are, after an `n` if they are negative; empty if there are none. */
  digits(negative = false): string {
    const start = this.at;
    if (negative) this.accept('n');
    while (this.digit) this.at++;
    return this.name.slice(start, this.at);
  }

  /** A decimal number; undefined if there is none. */
  number(): number | undefined {
    const text = this.digits();
    if (text.length > 9) giveUp();
    return text === '' ? undefined : Number(text);
  }

  /** `_` is 0, `0_` is 1, `1_` is 2: how lambdas, unnamed types, template and function parameters are counted. */
  ordinal(): number {
    const number = this.number();
    this.expect('_');
    return number === undefined ? 0 : number + 1;
  }

  /** <seq-id> `_`, digits of base 36, counted as `ordinal`. */
  sequence(): number {
    const start = this.at;
    while (isBase36(this.name.charCodeAt(this.at))) this.at++;
    const text = this.name.slice(start, this.at);
    this.expect('_');
    if (text.length > 6) giveUp();
    return text === '' ? 0 : Number.parseInt(text, 36) + 1;
  }

  /** <source-name> without its meaning: a length and that many characters. */
  sourceName(): string {
    const length = this.number();
    if (!length || length > this.name.length - this.at) giveUp();
    this.at += length;
    return this.name.slice(this.at - length, this.at);
  }
}

const isBase36 = (code: number) => isDigit(code) || (code >= 65 && code <= 90);
