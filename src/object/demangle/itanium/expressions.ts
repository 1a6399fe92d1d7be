import { giveUp } from '../budget.js';
import { parseLiteral } from './literals.js';
import { parseOperatorName, parseSourceName, parseSubstitution } from './names.js';
import { inParentheses, type Node, nameOf, operand, Precedence, textOf } from './nodes.js';
import { type Operator, operatorOf } from './operators.js';
import type { Parser } from './parser.js';
import { parseRequires } from './requires.js';
import { parseTemplateArg, parseTemplateArgs, parseTemplateParam } from './templates.js';
import { parseDecltype, parseQualifiers, parseType } from './types.js';

/** <expression> */
export function parseExpression(p: Parser): Node {
  p.budget.enter();
  const result = parseAnyExpression(p);
  p.budget.leave();
  return result;
}

function parseExpressionsTo(p: Parser, end: string): Node[] {
  const list: Node[] = [];
  while (!p.accept(end)) list.push(parseExpression(p));
  return list;
}

function parseAnyExpression(p: Parser): Node {
  const global = p.accept('gs');
  if (p.digit) return parseUnresolvedName(p, global);
  const code = p.look() + p.look(1);
  const operator = operatorOf(code);
  if (operator) {
    p.at += 2;
    return parseOperation(p, operator, global);
  }
  switch (p.look()) {
    case 'L':
      return parseLiteral(p);
    case 'T':
      return parseTemplateParam(p);
    case 'f':
      return p.look(1) === 'p' || (p.look(1) === 'L' && /\d/.test(p.look(2)))
        ? parseFunctionParam(p)
        : parseFold(p);
    case 'u':
      return parseVendorExpression(p);
  }
  switch (code) {
    case 'sr':
    case 'on':
    case 'dn':
      return parseUnresolvedName(p, global);
    case 'cp': {
      // A call whose callee stands in parentheses, so that no argument-dependent lookup happens.
      p.at += 2;
      const callee = parseExpression(p);
      return textOf([inParentheses([callee]), inParentheses(parseExpressionsTo(p, 'E'))], Precedence.postfix);
    }
    case 'il':
    case 'tl': {
      p.at += 2;
      const type = code === 'tl' ? [parseType(p)] : [];
      return textOf([...type, { kind: 'enclosed', open: '{', list: parseBracedTo(p, 'E'), close: '}' }]);
    }
    case 'di':
    case 'dx':
    case 'dX':
      return parseBraced(p);
    case 'mc': {
      // Conversion of a pointer to member; the number is the change of its offset.
      p.at += 2;
      const type = parseType(p);
      const from = parseExpression(p);
      p.digits(true);
      p.expect('E');
      return textOf([inParentheses([type]), inParentheses([from])], Precedence.cast);
    }
    case 'sp':
      p.at += 2;
      return { kind: 'expansion', child: parseExpression(p) };
    case 'sZ': {
      p.at += 2;
      const pack = p.look() === 'T' ? parseTemplateParam(p) : parseFunctionParam(p);
      const values = pack.kind === 'pack' ? pack.values : [pack];
      return textOf(['sizeof...', inParentheses(values)]);
    }
    case 'sP': {
      p.at += 2;
      const list: Node[] = [];
      while (!p.accept('E')) list.push(parseTemplateArg(p));
      return textOf(['sizeof...', inParentheses(list)]);
    }
    case 'so':
      return parseSubobject(p);
    case 'tr':
      p.at += 2;
      return nameOf('throw');
    case 'tw':
      p.at += 2;
      return textOf(['throw ', parseExpression(p)], Precedence.assign);
    case 'rq':
    case 'rQ':
      return parseRequires(p);
    default:
      return giveUp();
  }
}

function parseOperation(p: Parser, operator: Operator, global: boolean): Node {
  const { symbol, precedence } = operator;
  switch (operator.form) {
    case 'prefix':
      return textOf([symbol, operand(parseExpression(p), precedence, true)], precedence);
    case 'postfix':
      // With an underscore it stands before its operand.
      if (p.accept('_')) return textOf([symbol, operand(parseExpression(p), precedence, true)], precedence);
      return textOf([operand(parseExpression(p), precedence, false), symbol], precedence);
    case 'binary':
      return binary(parseExpression(p), operator, parseExpression(p));
    case 'member':
      return textOf(
        [
          operand(parseExpression(p), precedence, false),
          symbol,
          operand(parseExpression(p), precedence, true),
        ],
        precedence,
      );
    case 'subscript': {
      const array = operand(parseExpression(p), precedence, true);
      return textOf(
        [array, { kind: 'enclosed', open: '[', list: [parseExpression(p)], close: ']' }],
        precedence,
      );
    }
    case 'call': {
      const callee = parseExpression(p);
      return textOf([callee, inParentheses(parseExpressionsTo(p, 'E'))], precedence);
    }
    case 'conditional': {
      const condition = parseExpression(p);
      const then = parseExpression(p);
      const otherwise = parseExpression(p);
      return textOf(
        [
          operand(condition, precedence, true),
          ' ? ',
          then,
          ' : ',
          operand(otherwise, Precedence.assign, false),
        ],
        precedence,
      );
    }
    case 'c-cast': {
      const outer = p.mayTakeTemplateArgs;
      p.mayTakeTemplateArgs = false;
      const type = parseType(p);
      p.mayTakeTemplateArgs = outer;
      const values = p.accept('_') ? parseExpressionsTo(p, 'E') : [parseExpression(p)];
      return textOf([inParentheses([type]), inParentheses(values)], precedence);
    }
    case 'named-cast': {
      const type: Node = { kind: 'args', list: [parseType(p)] };
      return textOf([symbol, type, inParentheses([parseExpression(p)])], precedence);
    }
    case 'new':
      return parseNew(p, operator, global);
    case 'delete':
      return textOf([`${global ? '::' : ''}${symbol} `, parseExpression(p)], precedence);
    case 'of-type':
      return textOf([symbol, inParentheses([parseType(p)])], precedence);
    case 'of-expression':
      return textOf([symbol, inParentheses([parseExpression(p)])], precedence);
  }
}

function binary(left: Node, { symbol, precedence }: Operator, right: Node): Node {
  const rightToLeft = precedence === Precedence.assign;
  const node = textOf(
    [
      operand(left, precedence, rightToLeft),
      symbol === ',' ? ', ' : ` ${symbol} `,
      operand(right, precedence, !rightToLeft),
    ],
    precedence,
  );
  return symbol === '>' || symbol === '>>' ? { kind: 'greater', child: node } : node;
}

/** `nw`, `na`: placement arguments, the type, and perhaps `pi` and an initializer. */
function parseNew(p: Parser, { symbol, precedence }: Operator, global: boolean): Node {
  const placement = parseExpressionsTo(p, '_');
  const type = parseType(p);
  const initialized = p.accept('pi');
  const values = initialized ? parseExpressionsTo(p, 'E') : [];
  if (!initialized) p.expect('E');
  return textOf(
    [
      `${global ? '::' : ''}${symbol}`,
      placement.length > 0 ? inParentheses(placement) : '',
      ' ',
      type,
      initialized ? inParentheses(values) : '',
    ],
    precedence,
  );
}

/** <function-param>: a parameter in the trailing return type or noexcept of its own function. */
function parseFunctionParam(p: Parser): Node {
  if (p.accept('fpT')) return nameOf('this');
  if (p.accept('fL')) {
    p.digits();
    p.expect('p');
  } else p.expect('fp');
  parseQualifiers(p);
  const number = p.digits();
  p.expect('_');
  return nameOf(`fp${number}`);
}

/** <fold-expression>: (... + pack), (pack + ...), and with a first or last value. */
function parseFold(p: Parser): Node {
  p.expect('f');
  const form = p.next();
  if (!'lrLR'.includes(form)) giveUp();
  const operator = operatorOf(p.next() + p.next());
  if (operator?.form !== 'binary' && operator?.form !== 'member') giveUp();
  const fromLeft = form === 'l' || form === 'L';
  const withValue = form === 'L' || form === 'R';
  let pack = parseExpression(p);
  let value = withValue ? parseExpression(p) : undefined;
  if (fromLeft && value) [pack, value] = [value, pack];
  const { symbol } = operator;
  const between = symbol === ',' ? ', ' : ` ${symbol} `;
  const expanded = inParentheses([{ kind: 'expansion', child: pack }]);
  const end = value ? [operand(value, Precedence.cast, true)] : [];
  const list: (string | Node)[] = fromLeft
    ? [...end, ...(value ? [between] : []), '...', between, expanded]
    : [expanded, between, '...', ...(value ? [between] : []), ...end];
  return inParentheses([textOf(list)]);
}

/** `u`: an extension's operator with arguments; clang's __uuidof has a `t` or `z` before its only one. */
function parseVendorExpression(p: Parser): Node {
  p.expect('u');
  const name = p.sourceName();
  if (name === '__uuidof') {
    if (p.accept('t')) return textOf([name, inParentheses([parseType(p)])]);
    if (p.accept('z')) return textOf([name, inParentheses([parseExpression(p)])]);
  }
  const list: Node[] = [];
  while (!p.accept('E')) list.push(parseTemplateArg(p));
  return textOf([name, inParentheses(list)]);
}

/** `so`: a part of a constant object, by type and offset. */
function parseSubobject(p: Parser): Node {
  p.expect('so');
  const type = parseType(p);
  const object = parseExpression(p);
  const offset = p.digits(true).replace('n', '-');
  // Which members of unions lead there, and whether it is the end of an array.
  while (p.accept('_')) p.digits();
  p.accept('p');
  p.expect('E');
  return textOf([object, '.<', type, ` at offset ${offset === '' ? '0' : offset}>`]);
}

/** <braced-expression>: an expression, or one with designators: `.x = 1`, `[1] = 2`, `[1 ... 3] = 4`. */
function parseBraced(p: Parser): Node {
  p.budget.enter();
  let result: Node;
  if (p.accept('di')) {
    const field = parseSourceName(p);
    result = textOf(['.', field, ...parseDesignated(p)]);
  } else if (p.accept('dx')) {
    const index = parseExpression(p);
    result = textOf(['[', index, ']', ...parseDesignated(p)]);
  } else if (p.accept('dX')) {
    const first = parseExpression(p);
    const last = parseExpression(p);
    result = textOf(['[', first, ' ... ', last, ']', ...parseDesignated(p)]);
  } else result = parseExpression(p);
  p.budget.leave();
  return result;
}

/** What a designator stands for: a value, or the next designator of `.x[1] = 2`. */
function parseDesignated(p: Parser): (string | Node)[] {
  const chained = p.starts('di') || p.starts('dx') || p.starts('dX');
  return [chained ? '' : ' = ', parseBraced(p)];
}

function parseBracedTo(p: Parser, end: string): Node[] {
  const list: Node[] = [];
  while (!p.accept(end)) list.push(parseBraced(p));
  return list;
}

/** <unresolved-name>: a name that depends on template parameters. */
function parseUnresolvedName(p: Parser, global: boolean): Node {
  if (!p.accept('sr')) {
    const name = parseBaseUnresolvedName(p);
    return global ? textOf(['::', name]) : name;
  }
  let scope: Node;
  if (p.accept('N')) {
    scope = parseUnresolvedType(p);
    scope = withTemplateArgs(p, scope);
    do scope = { kind: 'nested', scope, name: withTemplateArgs(p, parseSourceName(p)) };
    while (!p.accept('E'));
  } else if (p.digit) {
    scope = withTemplateArgs(p, parseSourceName(p));
    if (global) scope = textOf(['::', scope]);
    while (!p.accept('E')) {
      scope = { kind: 'nested', scope, name: withTemplateArgs(p, parseSourceName(p)) };
    }
  } else {
    scope = parseUnresolvedType(p);
    if (p.look() === 'I') {
      scope = withTemplateArgs(p, scope);
      p.substitutions.push(scope);
    }
  }
  return { kind: 'nested', scope, name: parseBaseUnresolvedName(p) };
}

/** <unresolved-type> */
function parseUnresolvedType(p: Parser): Node {
  if (p.look() === 'T') {
    const param = parseTemplateParam(p);
    p.substitutions.push(param);
    return param;
  }
  if (p.look() === 'D') {
    const type = parseDecltype(p);
    p.substitutions.push(type);
    return type;
  }
  if (p.accept('St')) {
    const name: Node = { kind: 'nested', scope: nameOf('std'), name: parseSourceName(p) };
    p.substitutions.push(name);
    return name;
  }
  return parseSubstitution(p);
}

/** <base-unresolved-name> */
function parseBaseUnresolvedName(p: Parser): Node {
  if (p.digit) return withTemplateArgs(p, parseSourceName(p));
  if (p.accept('dn')) {
    const owner = p.digit ? withTemplateArgs(p, parseSourceName(p)) : parseUnresolvedType(p);
    return textOf(['~', owner]);
  }
  p.accept('on');
  return withTemplateArgs(p, parseOperatorName(p));
}

function withTemplateArgs(p: Parser, base: Node): Node {
  return p.look() === 'I' ? { kind: 'templated', base, args: parseTemplateArgs(p) } : base;
}
