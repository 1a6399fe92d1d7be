import { giveUp } from '../budget.js';
import { parseExpression } from './expressions.js';
import { parseName, parseUnscopedName } from './names.js';
import { type Node, nameOf, textOf } from './nodes.js';
import type { Parser } from './parser.js';
import { parseTemplateArg, parseTemplateArgs, parseTemplateParam } from './templates.js';

const builtins: Readonly<Record<string, string>> = {
  v: 'void',
  w: 'wchar_t',
  b: 'bool',
  c: 'char',
  a: 'signed char',
  h: 'unsigned char',
  s: 'short',
  t: 'unsigned short',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  x: 'long long',
  y: 'unsigned long long',
  n: '__int128',
  o: 'unsigned __int128',
  f: 'float',
  d: 'double',
  e: 'long double',
  g: '__float128',
  z: '...',
  Dd: 'decimal64',
  De: 'decimal128',
  Df: 'decimal32',
  Dh: 'half',
  Di: 'char32_t',
  Ds: 'char16_t',
  Du: 'char8_t',
  Da: 'auto',
  Dc: 'decltype(auto)',
  Dn: 'std::nullptr_t',
};

export function builtinOf(p: Parser): string | undefined {
  const first = p.look();
  return builtins[first === 'D' ? first + p.look(1) : first];
}

/** <type> */
export function parseType(p: Parser): Node {
  p.budget.enter();
  const builtin = builtinOf(p);
  let type: Node;
  if (builtin !== undefined) {
    p.at += p.look() === 'D' ? 2 : 1;
    type = nameOf(builtin);
  } else {
    const { node, substitutable } = parseCompound(p);
    if (substitutable) p.substitutions.push(node);
    type = node;
  }
  p.budget.leave();
  return type;
}

interface Parsed {
  node: Node;
  /** May be referred to by `S_`: all but builtin types and what is a substitution itself. */
  substitutable: boolean;
}

const fresh = (node: Node): Parsed => ({ node, substitutable: true });
const plain = (node: Node): Parsed => ({ node, substitutable: false });

function parseCompound(p: Parser): Parsed {
  switch (p.look()) {
    case 'r':
    case 'V':
    case 'K': {
      const start = p.at;
      const qualifiers = parseQualifiers(p);
      if (isFunctionType(p)) {
        p.at = start;
        return fresh(parseFunctionType(p));
      }
      return fresh({ kind: 'qualified', child: parseType(p), qualifiers });
    }
    case 'U':
      return fresh(parseVendorQualified(p));
    case 'F':
      return fresh(parseFunctionType(p));
    case 'A':
      return fresh(parseArrayType(p));
    case 'M': {
      p.at++;
      const owner = parseType(p);
      return fresh({ kind: 'member-pointer', owner, member: parseType(p) });
    }
    case 'P':
      p.at++;
      return fresh({ kind: 'pointer', to: parseType(p) });
    case 'R':
    case 'O': {
      const rvalue = p.next() === 'O';
      return fresh({ kind: 'reference', to: parseType(p), rvalue });
    }
    case 'C':
      p.at++;
      return fresh({ kind: 'qualified', child: parseType(p), qualifiers: ' complex' });
    case 'G':
      p.at++;
      return fresh({ kind: 'qualified', child: parseType(p), qualifiers: ' imaginary' });
    case 'T':
      return parseParamType(p);
    case 'D':
      return parseD(p);
    case 'u':
      p.at++;
      return fresh(parseVendorType(p));
    case 'S':
      if (p.look(1) !== 't') return parseSubstitutedType(p);
      return fresh(parseName(p));
    default:
      return fresh(parseName(p));
  }
}

/** A substitution, or the template that it stands for with its arguments. */
function parseSubstitutedType(p: Parser): Parsed {
  const { name } = parseUnscopedName(p);
  if (p.look() !== 'I' || !p.mayTakeTemplateArgs) return plain(name);
  return fresh({ kind: 'templated', base: name, args: parseTemplateArgs(p) });
}

/** <template-param>, <template-template-param> with arguments, or an elaborated name: `Ts` struct, `Tu`, `Te`. */
function parseParamType(p: Parser): Parsed {
  const elaborated = { s: 'struct ', u: 'union ', e: 'enum ' }[p.look(1)];
  if (elaborated !== undefined) {
    p.at += 2;
    return fresh(textOf([elaborated, parseName(p)]));
  }
  const param = parseTemplateParam(p);
  if (p.look() !== 'I' || !p.mayTakeTemplateArgs) return fresh(param);
  p.substitutions.push(param);
  return fresh({ kind: 'templated', base: param, args: parseTemplateArgs(p) });
}

/** The types whose code begins with D, without the builtin ones. */
function parseD(p: Parser): Parsed {
  switch (p.look(1)) {
    case 'o':
    case 'O':
    case 'w':
    case 'x':
      return fresh(parseFunctionType(p));
    case 't':
    case 'T':
      return fresh(parseDecltype(p));
    case 'p':
      p.at += 2;
      return fresh({ kind: 'expansion', child: parseType(p) });
    case 'v':
      return fresh(parseVectorType(p));
    case 'k':
    case 'K': {
      // A placeholder with a concept: `std::integral auto`.
      const auto = p.look(1) === 'k' ? ' auto' : ' decltype(auto)';
      p.at += 2;
      return plain(textOf([parseName(p), auto]));
    }
    case 'F': {
      p.at += 2;
      if (p.accept('16b')) return plain(nameOf('std::bfloat16_t'));
      const bits = p.digits();
      if (bits === '') giveUp();
      if (p.accept('x')) return plain(nameOf(`_Float${bits}x`));
      p.expect('_');
      return plain(nameOf(`_Float${bits}`));
    }
    case 'B':
    case 'U': {
      const unsigned = p.look(1) === 'U' ? 'unsigned ' : '';
      p.at += 2;
      const bits = p.digit ? nameOf(p.digits()) : parseExpression(p);
      p.expect('_');
      return plain(textOf([`${unsigned}_BitInt(`, bits, ')']));
    }
    default:
      return fresh(parseName(p));
  }
}

/** <CV-qualifiers>, in the order in which they are printed. */
export function parseQualifiers(p: Parser): string {
  const restrict = p.accept('r');
  const volatile = p.accept('V');
  const constant = p.accept('K');
  return (constant ? ' const' : '') + (volatile ? ' volatile' : '') + (restrict ? ' restrict' : '');
}

export function parseRefQualifier(p: Parser): string {
  if (p.accept('R')) return ' &';
  return p.accept('O') ? ' &&' : '';
}

/** <decltype> */
export function parseDecltype(p: Parser): Node {
  if (!p.accept('Dt')) p.expect('DT');
  const expression = parseExpression(p);
  p.expect('E');
  return textOf(['decltype', { kind: 'enclosed', open: '(', list: [expression], close: ')' }]);
}

const isFunctionType = (p: Parser) =>
  p.look() === 'F' || (p.look() === 'D' && 'oOwx'.includes(p.look(1) || '?'));

/** <function-type> with its qualifiers and exception specification. */
function parseFunctionType(p: Parser): Node {
  const qualifiers = parseQualifiers(p);
  let exceptions: Node | undefined;
  if (p.accept('Do')) exceptions = nameOf(' noexcept');
  else if (p.accept('DO')) {
    const condition = parseExpression(p);
    p.expect('E');
    exceptions = textOf([' noexcept', { kind: 'enclosed', open: '(', list: [condition], close: ')' }]);
  } else if (p.accept('Dw')) {
    const list: Node[] = [];
    do list.push(parseType(p));
    while (!p.accept('E'));
    exceptions = textOf([' throw', { kind: 'enclosed', open: '(', list, close: ')' }]);
  }
  // Transaction safe; and extern "C".
  p.accept('Dx');
  p.expect('F');
  p.accept('Y');
  const result = parseType(p);
  const params: Node[] = [];
  let reference = '';
  while (!p.accept('E')) {
    if (p.accept('RE') || p.accept('OE')) {
      reference = p.name[p.at - 2] === 'R' ? ' &' : ' &&';
      break;
    }
    if (!p.accept('v')) params.push(parseType(p));
  }
  return { kind: 'function', result, params, suffix: qualifiers + reference, exceptions };
}

/** <array-type> */
function parseArrayType(p: Parser): Node {
  p.expect('A');
  let dimension: Node | undefined;
  if (p.digit) dimension = nameOf(p.digits());
  else if (p.look() !== '_') dimension = parseExpression(p);
  p.expect('_');
  return { kind: 'array', element: parseType(p), dimension };
}

/** <vector-type> */
function parseVectorType(p: Parser): Node {
  p.expect('Dv');
  let dimension: Node;
  if (p.digit) {
    dimension = nameOf(p.digits());
    p.expect('_');
  } else if (p.accept('_')) dimension = nameOf('');
  else {
    dimension = parseExpression(p);
    p.expect('_');
  }
  // AltiVec's pixels.
  const element = p.accept('p') ? nameOf('pixel') : parseType(p);
  return textOf([element, ' vector[', dimension, ']']);
}

/** `U`: a qualifier of a vendor, an address space, or an Objective-C protocol. */
function parseVendorQualified(p: Parser): Node {
  p.budget.enter();
  p.expect('U');
  const name = p.sourceName();
  let result: Node;
  if (name.startsWith('objcproto')) {
    const protocol = /^objcproto(\d+)(.+)$/.exec(name);
    if (!protocol || Number(protocol[1]) !== protocol[2]!.length) giveUp();
    result = { kind: 'objc-protocol', object: parseQualified(p), protocol: protocol[2]! };
  } else {
    const parts = p.look() === 'I' ? [` ${name}`, parseTemplateArgs(p)] : [` ${name}`];
    result = { kind: 'qualified', child: parseQualified(p), qualifiers: textOf(parts) };
  }
  p.budget.leave();
  return result;
}

/** What a vendor's qualifier applies to: more of them, or a type whose other qualifiers make no type of their own. */
function parseQualified(p: Parser): Node {
  if (p.look() === 'U') return parseVendorQualified(p);
  const qualifiers = parseQualifiers(p);
  const child = parseType(p);
  return qualifiers === '' ? child : { kind: 'qualified', child, qualifiers };
}

/** `u`: a vendor's builtin type, or one of its type traits: `__underlying_type(T)`. */
function parseVendorType(p: Parser): Node {
  const name = p.sourceName();
  if (!p.accept('I')) return nameOf(name);
  const list: Node[] = [];
  while (!p.accept('E')) list.push(parseTemplateArg(p));
  return textOf([name, { kind: 'enclosed', open: '(', list, close: ')' }]);
}
