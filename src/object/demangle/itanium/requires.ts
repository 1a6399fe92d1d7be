import { giveUp } from '../budget.js';
import { parseExpression } from './expressions.js';
import { parseName } from './names.js';
import { inParentheses, type Node, textOf } from './nodes.js';
import type { Parser } from './parser.js';
import { parseType } from './types.js';

/** <requires-expression>: `rq` without and `rQ` with parameters. */
export function parseRequires(p: Parser): Node {
  const parts: (string | Node)[] = ['requires '];
  if (p.accept('rQ')) {
    const params: Node[] = [];
    while (!p.accept('_')) params.push(parseType(p));
    parts.push(inParentheses(params), ' ');
  } else p.expect('rq');
  parts.push('{');
  do parts.push(parseRequirement(p));
  while (!p.accept('E'));
  parts.push(' }');
  return textOf(parts);
}

function parseRequirement(p: Parser): Node {
  if (p.accept('X')) {
    const expression = parseExpression(p);
    const noexcept = p.accept('N') ? ' noexcept' : '';
    const constraint = p.accept('R') ? [' -> ', parseName(p)] : [];
    if (noexcept === '' && constraint.length === 0) return textOf([' ', expression, ';']);
    return textOf([' {', expression, '}', noexcept, ...constraint, ';']);
  }
  if (p.accept('T')) return textOf([' typename ', parseType(p), ';']);
  if (p.accept('Q')) return textOf([' requires ', parseExpression(p), ';']);
  return giveUp();
}
