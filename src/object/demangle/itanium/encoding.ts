import { giveUp } from '../budget.js';
import { parseExpression } from './expressions.js';
import { newNameFacts, parseName } from './names.js';
import { type Encoding, type Node, nameOf, textOf } from './nodes.js';
import type { Parser } from './parser.js';
import { parseTemplateArg } from './templates.js';
import { parseType } from './types.js';

/** <encoding>: a function with its signature, an object, or something that the compiler made for one of them. */
export function parseEncoding(p: Parser): Node {
  p.budget.enter();
  const outer = p.templateParams;
  p.templateParams = [];
  const result = p.look() === 'T' || p.look() === 'G' ? parseSpecialName(p) : parseEntity(p);
  p.templateParams = outer;
  p.budget.leave();
  return result;
}

function parseEntity(p: Parser): Node {
  const facts = newNameFacts();
  const outerForwards = p.forwards;
  p.forwards = [];
  const name = parseName(p, facts);
  for (const forward of p.forwards) {
    forward.target = p.templateParams[0]?.[forward.index];
    if (forward.target === undefined) giveUp();
  }
  p.forwards = outerForwards;
  if (endsHere(p)) return name;

  let attributes: Node | undefined;
  if (p.accept('Ua9enable_ifI')) {
    const conditions: Node[] = [];
    while (!p.accept('E')) conditions.push(parseTemplateArg(p));
    attributes = textOf([' [enable_if:', { kind: 'list', values: conditions }, ']']);
  }
  const encoding: Encoding = {
    kind: 'encoding',
    result: undefined,
    name,
    params: [],
    templateParams: p.templateParams[0] ?? [],
    suffix: facts.suffix,
    attributes,
    constraint: undefined,
    explicitObject: facts.explicitObject,
  };
  if (!facts.withoutResult && facts.endsWithTemplateArgs) encoding.result = parseType(p);
  if (!p.accept('v')) {
    do encoding.params.push(parseType(p));
    while (!endsHere(p) && p.look() !== 'Q');
  }
  if (p.accept('Q')) encoding.constraint = parseExpression(p);
  return encoding;
}

/** `.` begins a clone's suffix, `_` the suffix of a block. */
const endsHere = (p: Parser) => p.ended || 'E._'.includes(p.look());

const typeTables: Readonly<Record<string, string>> = {
  TV: 'vtable for ',
  TT: 'VTT for ',
  TI: 'typeinfo for ',
  TS: 'typeinfo name for ',
};

const nameTables: Readonly<Record<string, string>> = {
  TH: 'thread-local initialization routine for ',
  TW: 'thread-local wrapper routine for ',
  GV: 'guard variable for ',
};

const encodingTables: Readonly<Record<string, string>> = {
  GTt: 'transaction clone for ',
  GTn: 'non-transaction clone for ',
  GA: 'hidden alias for ',
};

/** <special-name> */
function parseSpecialName(p: Parser): Node {
  const code = p.next() + p.next();
  if (typeTables[code]) return textOf([typeTables[code], parseType(p)]);
  if (nameTables[code]) return textOf([nameTables[code], parseName(p)]);
  const encodingTable = encodingTables[code === 'GT' ? code + p.next() : code];
  if (encodingTable) return textOf([encodingTable, parseEncoding(p)]);
  switch (code) {
    case 'TA':
      return textOf(['template parameter object for ', parseTemplateArg(p)]);
    case 'Th':
    case 'Tv':
      p.at--;
      return parseCallOffset(p)
        ? textOf(['virtual thunk to ', parseEncoding(p)])
        : textOf(['non-virtual thunk to ', parseEncoding(p)]);
    case 'Tc': {
      parseCallOffset(p);
      parseCallOffset(p);
      return textOf(['covariant return thunk to ', parseEncoding(p)]);
    }
    case 'TC': {
      const derived = parseType(p);
      p.digits(true);
      p.expect('_');
      return textOf(['construction vtable for ', parseType(p), '-in-', derived]);
    }
    case 'GR': {
      const name = parseName(p);
      // Old g++ writes no number, and nothing behind the name.
      if (!p.ended) p.sequence();
      return textOf(['reference temporary for ', name]);
    }
    case 'GI': {
      const parts: string[] = [];
      while (p.accept('W')) parts.push(p.accept('P') ? `:${p.sourceName()}` : p.sourceName());
      if (parts.length === 0) giveUp();
      return textOf(['initializer for module ', nameOf(parts.join('.').replaceAll('.:', ':'))]);
    }
    default:
      return giveUp();
  }
}

/** <call-offset>: true if it is that of a virtual base. */
function parseCallOffset(p: Parser): boolean {
  const virtual = p.accept('v');
  if (!virtual) p.expect('h');
  for (let numbers = virtual ? 2 : 1; numbers > 0; numbers--) {
    if (p.digits(true) === '') giveUp();
    p.expect('_');
  }
  return virtual;
}
