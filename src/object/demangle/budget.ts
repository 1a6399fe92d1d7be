/** Thrown inside the demanglers where a name is not what it looked like, or costs too much; never leaves them. */
export class Unreadable extends Error {}

const unreadable = new Unreadable('not a mangled name');

/** Gives the name up. One error for all: making one with its stack costs more than most names. */
export function giveUp(): never {
  throw unreadable;
}

/** Of the readable text. The longest of 42,000 names of libclang is 10,000 characters. */
export const MAX_TEXT = 64 * 1024;
/** Nested types, scopes and expressions. */
const MAX_DEPTH = 400;
const STEPS_ALWAYS = 20_000;
const STEPS_PER_CHARACTER = 100;

/**
 * What one name may cost. A few hundred characters with substitutions of substitutions stand for more text than there is
 * memory, and with empty packs for more work than there is time.
 */
export class Budget {
  #steps: number;
  #depth = 0;

  constructor(name: string) {
    this.#steps = STEPS_ALWAYS + STEPS_PER_CHARACTER * name.length;
  }

  enter(): void {
    if (--this.#steps < 0 || ++this.#depth > MAX_DEPTH) giveUp();
  }

  leave(): void {
    this.#depth--;
  }

  step(): void {
    if (--this.#steps < 0) giveUp();
  }
}

/** The text itself, if it is not too long. */
export function bounded(text: string): string {
  if (text.length > MAX_TEXT) giveUp();
  return text;
}
