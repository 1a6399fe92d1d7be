/** Thrown inside the demanglers where a name is not what it looked like, or costs too much; never leaves them. */
export class Unreadable extends Error {}

const unreadable = new Unreadable('not a mangled name');

/** Gives the name up. One error for all: making one with its stack costs more than most names. */
export function giveUp(): never {
  throw unreadable;
}

/** Of the readable text, in UTF-16 units, and of the name. Of 230,000 real names the longest is read as 6,300. */
export const MAX_TEXT = 64 * 1024;
/** Of types, scopes and expressions in each other; 41 is the most that was seen. */
const MAX_DEPTH = 400;
/** Of 230,000 real names none took more than 1,200 steps, and none more than 5 for a character. */
const STEPS_ALWAYS = 10_000;
const STEPS_PER_CHARACTER = 20;

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
