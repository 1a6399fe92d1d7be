import { giveUp } from '../budget.js';
import { parseTypeName } from './names.js';
import type { TemplateArgument } from './nodes.js';
import type { Reader } from './reader.js';
import { parseSymbol } from './symbols.js';
import { parseType } from './types.js';

/** Empty packs, and what separates packs. */
const separators = ['$S', '$$V', '$$$V', '$$Z'];

/** To an `@`. */
export function parseTemplateArgs(r: Reader): TemplateArgument[] {
  const args: TemplateArgument[] = [];
  while (!r.accept('@')) {
    r.budget.step();
    if (!separators.some((separator) => r.accept(separator))) args.push(parseTemplateArg(r));
  }
  return args;
}

function parseTemplateArg(r: Reader): TemplateArgument {
  if (r.accept('$$Y')) return { kind: 'name', name: parseTypeName(r) };
  // The type of what an `auto` parameter stands for is not written. Behind it the value has no `$`.
  if (r.accept('$M')) {
    parseType(r, 'none');
    if (r.starts('$E?')) r.next();
    return parseValue(r) ?? parseTypeArg(r);
  }
  if (r.look() === '$' && r.look(1) !== '$') {
    r.next();
    return parseValue(r) ?? giveUp();
  }
  return parseTypeArg(r);
}

function parseTypeArg(r: Reader): TemplateArgument {
  r.accept('$$B');
  return { kind: 'type', type: parseType(r, r.accept('$$C') ? 'always' : 'none') };
}

/** How many offsets a pointer to a member has: for single, multiple, virtual and unspecified inheritance. */
const functionOffsets: Readonly<Record<string, number>> = { 1: 0, H: 1, I: 2, J: 3 };
const dataOffsets: Readonly<Record<string, number>> = { F: 2, G: 3 };

function parseValue(r: Reader): TemplateArgument | undefined {
  const code = r.look();
  if (code === '0') {
    r.next();
    return { kind: 'value', text: r.numberText() };
  }
  const ofFunction = functionOffsets[code];
  if (ofFunction !== undefined) {
    r.next();
    let symbol: ReturnType<typeof parseSymbol> | undefined;
    if (r.look() === '?') {
      symbol = parseSymbol(r);
      r.remember(symbol.name?.at(-1) ?? giveUp());
    }
    return { kind: 'symbol', symbol, offsets: parseOffsets(r, ofFunction), address: true };
  }
  const ofData = dataOffsets[code];
  if (ofData !== undefined) {
    r.next();
    return { kind: 'symbol', symbol: undefined, offsets: parseOffsets(r, ofData), address: false };
  }
  if (code === 'E' && r.look(1) === '?') {
    r.next();
    return { kind: 'symbol', symbol: parseSymbol(r), offsets: [], address: false };
  }
  return undefined;
}

const parseOffsets = (r: Reader, count: number) => Array.from({ length: count }, () => r.signed());
