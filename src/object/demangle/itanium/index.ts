import { Budget, bounded, giveUp } from '../budget.js';
import { cloneSuffix } from '../clones.js';
import { parseEncoding } from './encoding.js';
import { textOf } from './nodes.js';
import { Parser } from './parser.js';
import { Renderer } from './render.js';

/**
 * The readable form of a name that is mangled after the Itanium C++ ABI, chapter 5.1; `name` begins with `_Z`, or with
 * `___Z` if it is that of a block. Gives up with `Unreadable`.
 */
export function demangleItanium(name: string, parameters: boolean): string {
  const budget = new Budget(name);
  const block = name.startsWith('___Z');
  const parser = new Parser(name, block ? 4 : 2, budget);
  let root = parseEncoding(parser);
  if (block) {
    parser.expect('_block_invoke');
    if (parser.accept('_') && !parser.digit) giveUp();
    parser.digits();
    root = textOf(['invocation function for block in ', root]);
  }
  const suffix = cloneSuffix(name.slice(parser.at));
  return bounded(new Renderer(budget, parameters).text(root) + suffix);
}
