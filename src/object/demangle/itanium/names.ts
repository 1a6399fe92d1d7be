import { giveUp } from '../budget.js';
import { parseEncoding } from './encoding.js';
import { parseExpression } from './expressions.js';
import { type Node, nameOf } from './nodes.js';
import { operatorOf } from './operators.js';
import type { Parser } from './parser.js';
import {
  isTemplateParamDecl,
  parseTemplateArgs,
  parseTemplateParam,
  parseTemplateParamDecl,
} from './templates.js';
import { parseDecltype, parseQualifiers, parseRefQualifier, parseType } from './types.js';

/** What a function's name tells of its signature. */
export interface NameFacts {
  /** Constructors, destructors and conversion operators: no return type is mangled. */
  withoutResult: boolean;
  endsWithTemplateArgs: boolean;
  /** cv- and ref-qualifiers of a member function. */
  suffix: string;
  explicitObject: boolean;
}

export const newNameFacts = (): NameFacts => ({
  withoutResult: false,
  endsWithTemplateArgs: false,
  suffix: '',
  explicitObject: false,
});

const std = nameOf('std');

const character = 'char, std::char_traits<char>';
const standardNames: Readonly<Record<string, Node>> = {
  Sa: standard('allocator'),
  Sb: standard('basic_string'),
  Ss: standard('string', 'basic_string', `${character}, std::allocator<char>`),
  Si: standard('istream', 'basic_istream', character),
  So: standard('ostream', 'basic_ostream', character),
  Sd: standard('iostream', 'basic_iostream', character),
};

function standard(short: string, base = short, args?: string): Node {
  return {
    kind: 'standard',
    short: `std::${short}`,
    base,
    full: `std::${base}${args === undefined ? '' : `<${args}>`}`,
  };
}

/** <name>. With `facts` it is the name of an entity, whose template arguments `T_` then refers to. */
export function parseName(p: Parser, facts?: NameFacts): Node {
  p.budget.enter();
  const result = parseAnyName(p, facts);
  p.budget.leave();
  return result;
}

function parseAnyName(p: Parser, facts: NameFacts | undefined): Node {
  if (p.look() === 'N') return parseNestedName(p, facts);
  if (p.look() === 'Z') return parseLocalName(p, facts);
  const { name, substituted } = parseUnscopedName(p, facts);
  if (p.look() !== 'I') return substituted ? giveUp() : name;
  if (!substituted) p.substitutions.push(name);
  const args = parseTemplateArgs(p, facts !== undefined);
  if (facts) facts.endsWithTemplateArgs = true;
  return { kind: 'templated', base: name, args };
}

/** <unscoped-name>, or the substitution that stands for the name of a template. */
export function parseUnscopedName(p: Parser, facts?: NameFacts): { name: Node; substituted: boolean } {
  const inStd = p.accept('St');
  if (!inStd && p.look() === 'S') return { name: parseSubstitution(p), substituted: true };
  return { name: parseUnqualifiedName(p, facts, inStd ? std : undefined), substituted: false };
}

/** <nested-name> */
function parseNestedName(p: Parser, facts: NameFacts | undefined): Node {
  p.expect('N');
  if (p.accept('H')) {
    if (facts) facts.explicitObject = true;
  } else {
    const qualifiers = parseQualifiers(p) + parseRefQualifier(p);
    if (facts) facts.suffix = qualifiers;
  }
  let name: Node | undefined;
  let substitutable = false;
  while (!p.accept('E')) {
    p.budget.step();
    if (facts) facts.endsWithTemplateArgs = false;
    substitutable = true;
    const first = p.look();
    if (first === 'I') {
      if (name === undefined || name.kind === 'templated') giveUp();
      name = { kind: 'templated', base: name, args: parseTemplateArgs(p, facts !== undefined) };
      if (facts) facts.endsWithTemplateArgs = true;
    } else if (name === undefined && first === 'T') {
      name = parseTemplateParam(p);
    } else if (name === undefined && (p.starts('Dt') || p.starts('DT'))) {
      name = parseDecltype(p);
    } else if (first === 'S') {
      if (name !== undefined) giveUp();
      name = p.accept('St') ? std : parseSubstitution(p);
      substitutable = false;
      continue;
    } else {
      name = parseUnqualifiedName(p, facts, name);
    }
    p.substitutions.push(name);
    // The member in whose initializer a lambda stands.
    p.accept('M');
  }
  if (name === undefined || !substitutable) giveUp();
  p.substitutions.pop();
  return name;
}

/** <local-name> */
function parseLocalName(p: Parser, facts: NameFacts | undefined): Node {
  p.expect('Z');
  const scope = parseEncoding(p);
  p.expect('E');
  const outer = p.templateParams;
  p.templateParams = [];
  const name = parseLocalEntity(p, facts);
  // What follows an entity's own name may name its own parameters.
  if (!facts) p.templateParams = outer;
  return { kind: 'local', scope, name };
}

function parseLocalEntity(p: Parser, facts: NameFacts | undefined): Node {
  if (p.accept('s')) {
    skipDiscriminator(p);
    return nameOf('string literal');
  }
  if (p.accept('d')) {
    // In a default argument: of the last parameter, or counted from it.
    p.ordinal();
    return parseName(p, facts);
  }
  const name = parseName(p, facts);
  skipDiscriminator(p);
  return name;
}

/** <discriminator>: tells names apart that read the same. */
function skipDiscriminator(p: Parser): void {
  const start = p.at;
  if (!p.accept('_')) return;
  if (p.accept('_')) {
    if (p.digits() !== '' && p.accept('_')) return;
  } else if (p.digit) {
    p.at++;
    return;
  }
  p.at = start;
}

/** <unqualified-name> in `scope`. */
function parseUnqualifiedName(p: Parser, facts: NameFacts | undefined, scope: Node | undefined): Node {
  const friend = p.accept('F');
  // Internal linkage.
  p.accept('L');
  let name: Node;
  let owner = scope;
  if (p.digit) name = parseSourceName(p);
  else if (p.look() === 'U') name = parseUnnamed(p, owner !== undefined);
  else if (p.accept('DC')) name = parseStructuredBinding(p);
  else if (owner && (p.look() === 'C' || (p.look() === 'D' && p.look(1) !== 'C'))) {
    if (owner.kind === 'standard') owner = { ...owner, short: owner.full };
    name = parseStructor(p, facts, owner);
  } else name = parseOperatorName(p, facts);
  name = parseAbiTags(p, name);
  if (friend) return owner ? { kind: 'nested', scope: owner, name: friendly(name) } : giveUp();
  return owner ? { kind: 'nested', scope: owner, name } : name;
}

/** A friend defined in a class; LLVM tells it from a member so. */
const friendly = (name: Node): Node => ({ kind: 'text', parts: ['friend ', name], precedence: 0 });

/** <source-name>. g++ and clang name the unnamed namespace _GLOBAL__N_1, or with _GLOBAL_ and another letter. */
export function parseSourceName(p: Parser): Node {
  const text = p.sourceName();
  return nameOf(/^_GLOBAL_[_.$]N/.test(text) ? '(anonymous namespace)' : text);
}

export function parseAbiTags(p: Parser, name: Node): Node {
  let tagged = name;
  while (p.accept('B')) tagged = { kind: 'tagged', base: tagged, tag: p.sourceName() };
  return tagged;
}

/** <unnamed-type-name>, and a block's. */
function parseUnnamed(p: Parser, inScope: boolean): Node {
  if (p.accept('Ut')) return { kind: 'unnamed', number: p.ordinal() + 1 };
  if (p.accept('Ub')) {
    p.ordinal();
    return nameOf("'block-literal'");
  }
  if (!p.accept('Ul')) giveUp();
  const outerLevel = p.lambdaLevel;
  const outerInvented = { ...p.invented };
  Object.assign(p.invented, { T: 0, N: 0, TT: 0 });
  const outerParams = p.templateParams;
  // Template parameters around it are known, and no part of its name, unless it stands in a signature.
  p.templateParams = inScope ? [] : [...outerParams];
  p.lambdaLevel = p.templateParams.length;
  const level: (Node | undefined)[] = [];
  p.templateParams.push(level);
  const declared: Node[] = [];
  while (isTemplateParamDecl(p)) declared.push(parseTemplateParamDecl(p, level));
  // `auto` parameters without declared ones make no level of their own.
  if (declared.length === 0) p.templateParams.pop();
  const constraints: (Node | undefined)[] = [undefined, undefined];
  if (p.accept('Q')) constraints[0] = parseExpression(p);
  const params: Node[] = [];
  if (!p.accept('v')) {
    do params.push(parseType(p));
    while (p.look() !== 'E' && p.look() !== 'Q');
  }
  if (p.accept('Q')) constraints[1] = parseExpression(p);
  p.expect('E');
  p.templateParams = outerParams;
  p.lambdaLevel = outerLevel;
  Object.assign(p.invented, outerInvented);
  return { kind: 'lambda', declared, params, constraints, number: p.ordinal() + 1 };
}

function parseStructuredBinding(p: Parser): Node {
  const names: string[] = [];
  do names.push(p.sourceName());
  while (!p.accept('E'));
  return nameOf(`[${names.join(', ')}]`);
}

/** <ctor-dtor-name>. An inheriting constructor (CI1, CI2) names the class that it comes from. */
function parseStructor(p: Parser, facts: NameFacts | undefined, owner: Node): Node {
  const destructor = p.next() === 'D';
  const inheriting = !destructor && p.accept('I');
  if (!'012345'.includes(p.next())) giveUp();
  if (facts) facts.withoutResult = true;
  if (inheriting) parseName(p, facts);
  return { kind: 'structor', owner, destructor };
}

/** <operator-name> */
export function parseOperatorName(p: Parser, facts?: NameFacts): Node {
  if (p.accept('cv')) {
    const outer = { conversion: p.conversionType, args: p.mayTakeTemplateArgs };
    p.conversionType = facts !== undefined;
    p.mayTakeTemplateArgs = false;
    const type = parseType(p);
    p.conversionType = outer.conversion;
    p.mayTakeTemplateArgs = outer.args;
    if (facts) facts.withoutResult = true;
    return { kind: 'conversion', type };
  }
  if (p.accept('li')) return nameOf(`operator"" ${p.sourceName()}`);
  if (p.look() === 'v' && /\d/.test(p.look(1))) {
    p.at += 2;
    return nameOf(`operator ${p.sourceName()}`);
  }
  const operator = operatorOf(p.next() + p.next());
  if (!operator || operator.expressionOnly) giveUp();
  const symbol = operator.symbol.trim();
  return nameOf(/^[a-z]/.test(symbol) ? `operator ${symbol}` : `operator${symbol}`);
}

/** <substitution>; `St` is no name by itself. */
export function parseSubstitution(p: Parser): Node {
  p.expect('S');
  const letter = p.look();
  if (letter >= 'a' && letter <= 'z') {
    const name = standardNames[`S${letter}`];
    if (!name) giveUp();
    p.at++;
    const tagged = parseAbiTags(p, name);
    if (tagged !== name) p.substitutions.push(tagged);
    return tagged;
  }
  return p.substitutions[p.sequence()] ?? giveUp();
}
