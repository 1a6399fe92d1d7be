import { bounded, giveUp } from './budget.js';

/** `.isra.0.cold`: what GCC and LLVM append to the names of functions that they made of others. */
export function cloneSuffix(text: string): string {
  let clones = '';
  let rest = text;
  while (rest !== '') {
    const clone = /^\.(?:[a-zA-Z_][\w$@]*|\d+)(?:\.\d+)*/.exec(rest)?.[0] ?? giveUp();
    clones = bounded(`${clones} [clone ${clone}]`);
    rest = rest.slice(clone.length);
  }
  return clones;
}
