import { Precedence } from './nodes.js';

/** What an operator code stands for in an expression. */
export type OperatorForm =
  | 'prefix'
  | 'postfix'
  | 'binary'
  | 'subscript'
  | 'member'
  | 'call'
  | 'conditional'
  | 'c-cast'
  | 'named-cast'
  | 'new'
  | 'delete'
  | 'of-type'
  | 'of-expression';

export interface Operator {
  form: OperatorForm;
  /** As it is written in C++. */
  symbol: string;
  precedence: number;
  /** No function can be an operator of this name: `.`, `sizeof`, casts. */
  expressionOnly: boolean;
}

const P = Precedence;

const expressionOnly: ReadonlySet<string> = new Set('dt ds at az cc dc rc sc st sz te ti nx'.split(' '));

/** <operator-name> of the Itanium C++ ABI, 5.1.3 and 5.1.6. */
const rows: readonly [code: string, form: OperatorForm, symbol: string, precedence: number][] = [
  ['aN', 'binary', '&=', P.assign],
  ['aS', 'binary', '=', P.assign],
  ['aa', 'binary', '&&', P.logicalAnd],
  ['ad', 'prefix', '&', P.unary],
  ['an', 'binary', '&', P.and],
  ['at', 'of-type', 'alignof ', P.unary],
  ['aw', 'prefix', 'co_await ', P.unary],
  ['az', 'of-expression', 'alignof ', P.unary],
  ['cc', 'named-cast', 'const_cast', P.postfix],
  ['cl', 'call', '()', P.postfix],
  ['cm', 'binary', ',', P.comma],
  ['co', 'prefix', '~', P.unary],
  ['cv', 'c-cast', '', P.cast],
  ['dV', 'binary', '/=', P.assign],
  ['da', 'delete', 'delete[]', P.unary],
  ['dc', 'named-cast', 'dynamic_cast', P.postfix],
  ['de', 'prefix', '*', P.unary],
  ['dl', 'delete', 'delete', P.unary],
  ['ds', 'member', '.*', P.memberPointer],
  ['dt', 'member', '.', P.postfix],
  ['dv', 'binary', '/', P.multiplicative],
  ['eO', 'binary', '^=', P.assign],
  ['eo', 'binary', '^', P.xor],
  ['eq', 'binary', '==', P.equality],
  ['ge', 'binary', '>=', P.relational],
  ['gt', 'binary', '>', P.relational],
  ['ix', 'subscript', '[]', P.postfix],
  ['lS', 'binary', '<<=', P.assign],
  ['le', 'binary', '<=', P.relational],
  ['ls', 'binary', '<<', P.shift],
  ['lt', 'binary', '<', P.relational],
  ['mI', 'binary', '-=', P.assign],
  ['mL', 'binary', '*=', P.assign],
  ['mi', 'binary', '-', P.additive],
  ['ml', 'binary', '*', P.multiplicative],
  ['mm', 'postfix', '--', P.postfix],
  ['na', 'new', 'new[]', P.unary],
  ['ne', 'binary', '!=', P.equality],
  ['ng', 'prefix', '-', P.unary],
  ['nt', 'prefix', '!', P.unary],
  ['nw', 'new', 'new', P.unary],
  ['nx', 'of-expression', 'noexcept ', P.unary],
  ['oR', 'binary', '|=', P.assign],
  ['oo', 'binary', '||', P.logicalOr],
  ['or', 'binary', '|', P.or],
  ['pL', 'binary', '+=', P.assign],
  ['pl', 'binary', '+', P.additive],
  ['pm', 'member', '->*', P.memberPointer],
  ['pp', 'postfix', '++', P.postfix],
  ['ps', 'prefix', '+', P.unary],
  ['pt', 'member', '->', P.postfix],
  ['qu', 'conditional', '?', P.conditional],
  ['rM', 'binary', '%=', P.assign],
  ['rS', 'binary', '>>=', P.assign],
  ['rc', 'named-cast', 'reinterpret_cast', P.postfix],
  ['rm', 'binary', '%', P.multiplicative],
  ['rs', 'binary', '>>', P.shift],
  ['sc', 'named-cast', 'static_cast', P.postfix],
  ['ss', 'binary', '<=>', P.spaceship],
  ['st', 'of-type', 'sizeof ', P.unary],
  ['sz', 'of-expression', 'sizeof ', P.unary],
  ['te', 'of-expression', 'typeid ', P.postfix],
  ['ti', 'of-type', 'typeid ', P.postfix],
];

const operators: ReadonlyMap<string, Operator> = new Map(
  rows.map(([code, form, symbol, precedence]) => [
    code,
    { form, symbol, precedence, expressionOnly: expressionOnly.has(code) },
  ]),
);

export const operatorOf = (code: string): Operator | undefined => operators.get(code);
