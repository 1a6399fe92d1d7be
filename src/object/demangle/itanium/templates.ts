import { giveUp } from '../budget.js';
import { parseEncoding } from './encoding.js';
import { parseExpression } from './expressions.js';
import { parseLiteral } from './literals.js';
import { parseName } from './names.js';
import { type Node, textOf } from './nodes.js';
import type { Parser } from './parser.js';
import { parseType } from './types.js';

/** <template-args>. With `record`, `T_` refers to them from here on. */
export function parseTemplateArgs(p: Parser, record = false): Node {
  p.budget.enter();
  p.expect('I');
  const level: Node[] = [];
  if (record) p.templateParams = [level];
  const list: Node[] = [];
  const outer = p.mayTakeTemplateArgs;
  p.mayTakeTemplateArgs = true;
  while (!p.accept('E')) {
    if (acceptConstraint(p)) break;
    const arg = parseTemplateArg(p);
    list.push(arg);
    if (record) level.push(arg.kind === 'list' ? { kind: 'pack', values: arg.values } : arg);
  }
  p.mayTakeTemplateArgs = outer;
  p.budget.leave();
  return { kind: 'args', list };
}

/** The requires-clause at the end of template arguments or parameters, and their E; it is not written. */
function acceptConstraint(p: Parser): boolean {
  if (!p.accept('Q')) return false;
  parseExpression(p);
  p.expect('E');
  return true;
}

/** <template-arg> */
export function parseTemplateArg(p: Parser): Node {
  p.budget.enter();
  const result = parseAnyTemplateArg(p);
  p.budget.leave();
  return result;
}

function parseAnyTemplateArg(p: Parser): Node {
  if (p.accept('X')) {
    const expression = parseExpression(p);
    p.expect('E');
    return expression;
  }
  // A pack; GCC wrote I before it wrote J.
  if (p.accept('J') || p.accept('I')) {
    const values: Node[] = [];
    while (!p.accept('E')) values.push(parseTemplateArg(p));
    return { kind: 'list', values };
  }
  // Old compilers leave the underscore of _Z out.
  if (p.accept('LZ')) {
    const encoding = parseEncoding(p);
    p.expect('E');
    return encoding;
  }
  if (p.look() === 'L') return parseLiteral(p);
  if (isTemplateParamDecl(p)) {
    parseTemplateParamDecl(p, undefined);
    return parseTemplateArg(p);
  }
  return parseType(p);
}

/** <template-param>: an earlier template argument. */
export function parseTemplateParam(p: Parser): Node {
  p.expect('T');
  const level = p.accept('L') ? p.ordinal() + 1 : 0;
  const index = p.ordinal();
  if (p.conversionType && level === 0) {
    const forward: Node = { kind: 'forward', index, target: undefined };
    p.forwards.push(forward);
    return forward;
  }
  const param = p.templateParams[level]?.[index];
  if (param !== undefined) return param;
  // A lambda's parameter that was never declared is one that was written `auto`.
  if (level === p.lambdaLevel && level <= p.templateParams.length)
    return { kind: 'lambda-param', index, name: 'auto' };
  return giveUp();
}

export const isTemplateParamDecl = (p: Parser) => p.look() === 'T' && 'yptnk'.includes(p.look(1) || '?');

/** <template-param-decl>: a template parameter of a lambda; its invented name goes into `level`. */
export function parseTemplateParamDecl(p: Parser, level: (Node | undefined)[] | undefined): Node {
  p.budget.enter();
  p.expect('T');
  const result = parseAnyDecl(p, level, p.next());
  p.budget.leave();
  return result;
}

function parseAnyDecl(p: Parser, level: (Node | undefined)[] | undefined, code: string): Node {
  switch (code) {
    case 'y':
      return textOf(['typename ', invent(p, 'T', level)]);
    case 'k': {
      const concept = parseName(p);
      return textOf([concept, ' ', invent(p, 'T', level)]);
    }
    case 'n': {
      const name = invent(p, 'N', level);
      return { kind: 'declaration', type: parseType(p), name };
    }
    case 't': {
      const name = invent(p, 'TT', level);
      const inner: (Node | undefined)[] = [];
      p.templateParams.push(inner);
      const list: Node[] = [];
      while (!p.accept('E')) {
        if (acceptConstraint(p)) break;
        list.push(parseTemplateParamDecl(p, inner));
      }
      p.templateParams.pop();
      return textOf(['template', { kind: 'args', list }, ' typename ', name]);
    }
    case 'p':
      return packOf(parseTemplateParamDecl(p, level));
    default:
      return giveUp();
  }
}

/** `typename $T` → `typename ...$T` */
function packOf(declared: Node): Node {
  if (declared.kind === 'declaration') {
    return { kind: 'declaration', type: declared.type, name: textOf(['...', declared.name]) };
  }
  if (declared.kind !== 'text') giveUp();
  return textOf([...declared.parts.slice(0, -1), '...', declared.parts.at(-1)!]);
}

function invent(p: Parser, kind: 'T' | 'N' | 'TT', level: (Node | undefined)[] | undefined): Node {
  const count = p.invented[kind]++;
  const name = `$${kind}${count === 0 ? '' : count - 1}`;
  const param: Node = { kind: 'lambda-param', index: level?.length ?? 0, name };
  level?.push(param);
  return param;
}
