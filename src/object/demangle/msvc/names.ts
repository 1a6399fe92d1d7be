import { giveUp } from '../budget.js';
import { type Identifier, identifierOf, type QualifiedName } from './nodes.js';
import { operatorText } from './operators.js';
import type { Reader } from './reader.js';
import { parseSymbol } from './symbols.js';
import { parseTemplateArgs } from './templates.js';

/** `A@B@@` is `B::A`, a type. */
export function parseTypeName(r: Reader): QualifiedName {
  return parseScopes(r, parseUnqualifiedTypeName(r));
}

export function parseUnqualifiedTypeName(r: Reader): Identifier {
  if (r.digit) return r.referredName();
  return r.starts('?$') ? parseTemplateName(r, true) : r.simpleName();
}

/** `f@A@@` is `A::f`, a function, a variable or an operator. */
export function parseSymbolName(r: Reader): QualifiedName {
  const identifier = parseUnqualifiedSymbolName(r, true);
  const name = parseScopes(r, identifier);
  if (identifier.is.kind === 'structor') identifier.is.owner = name.at(-2) ?? giveUp();
  return name;
}

function parseUnqualifiedSymbolName(r: Reader, memorable: boolean): Identifier {
  if (r.digit) return r.referredName();
  if (r.starts('?$')) return parseTemplateName(r, false);
  if (r.look() === '?') return parseOperator(r);
  return memorable ? r.simpleName() : identifierOf(r.simpleString());
}

/** Functions are no scopes: their templates are not referred back to, and only they can be structors and conversions. */
function parseTemplateName(r: Reader, scope: boolean): Identifier {
  r.budget.enter();
  r.expect('?$');
  const identifier = r.apart(() => {
    const template = parseUnqualifiedSymbolName(r, true);
    return { ...template, args: parseTemplateArgs(r), complete: undefined };
  });
  if (scope) {
    if (identifier.is.kind === 'structor' || identifier.is.kind === 'conversion') giveUp();
    r.remember(identifier);
  }
  r.budget.leave();
  return identifier;
}

function parseOperator(r: Reader): Identifier {
  r.expect('?');
  let code = '';
  while (code.length < 2 && r.accept('_')) code += '_';
  code += r.next();
  switch (code) {
    case '0':
    case '1':
      return {
        is: { kind: 'structor', destructor: code === '1', owner: undefined },
        args: undefined,
        complete: undefined,
      };
    case 'B':
      return { is: { kind: 'conversion', to: undefined }, args: undefined, complete: undefined };
    case '__K':
      return identifierOf(`operator ""${r.simpleString()}`);
    default:
      return identifierOf(operatorText(code) ?? giveUp());
  }
}

/** The scopes of a name, from the innermost, to an `@`. */
export function parseScopes(r: Reader, identifier: Identifier): QualifiedName {
  const name = [identifier];
  while (!r.accept('@')) {
    r.budget.step();
    name.push(parseScope(r));
  }
  return name.reverse();
}

/** Behind a `?`: a number from 0 to 9, `@` for none, or letters before an `@`, of which the first is no `A`; and another `?`. */
const localScope = /\?(?:[0-9@]|[B-P][A-P]*@)\?/y;

function parseScope(r: Reader): Identifier {
  if (r.digit) return r.referredName();
  if (r.starts('?$')) return parseTemplateName(r, true);
  if (r.accept('?A')) {
    const end = r.name.indexOf('@', r.at);
    if (end < 0) giveUp();
    const identifier = identifierOf("`anonymous namespace'");
    r.remember(identifierOf(r.name.slice(r.at, end)));
    r.at = end + 1;
    return identifier;
  }
  localScope.lastIndex = r.at;
  return localScope.test(r.name) ? parseLocalScope(r) : r.simpleName();
}

function parseLocalScope(r: Reader): Identifier {
  r.expect('?');
  const number = r.magnitude();
  r.expect('?');
  const scope = parseSymbol(r);
  return { is: { kind: 'local', scope, number }, args: undefined, complete: undefined };
}
