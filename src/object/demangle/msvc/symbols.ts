import { giveUp } from '../budget.js';
import { parseStringLiteral } from './literals.js';
import { parseScopes, parseSymbolName, parseTypeName } from './names.js';
import {
  type FunctionClass,
  identifierOf,
  type QualifiedName,
  type Signature,
  type SymbolNode,
  type Type,
} from './nodes.js';
import type { Reader } from './reader.js';
import {
  parseConvention,
  parseExtendedQualifiers,
  parseQualifiers,
  parseSignature,
  parseType,
} from './types.js';

/** A whole mangled name, which may be part of another: a scope, a template argument. */
export function parseSymbol(r: Reader): SymbolNode {
  r.budget.enter();
  let symbol: SymbolNode;
  if (r.accept('.')) symbol = describing(parseType(r, 'marked'), "`RTTI Type Descriptor Name'");
  else if (r.starts('??@')) symbol = parseHash(r);
  else {
    r.expect('?');
    symbol = parseSpecial(r) ?? parseDeclaration(r);
  }
  r.budget.leave();
  return symbol;
}

const describing = (type: Type, text: string): SymbolNode => ({
  kind: 'type-descriptor',
  name: [identifierOf(text)],
  type,
});

/** What has more than 4,095 characters is hashed, and stays as it is: `??@`, 32 digits of MD5 and an `@`. */
function parseHash(r: Reader): SymbolNode {
  const start = r.at;
  const end = r.name.indexOf('@', start + 3);
  if (end < 0) giveUp();
  r.at = end + 1;
  // A complete object locator: what other names have before theirs.
  r.accept('??_R4@');
  return { kind: 'other', name: [identifierOf(r.name.slice(start, r.at))] };
}

const tables: Readonly<Record<string, string>> = {
  '?_7': "`vftable'",
  '?_8': "`vbtable'",
  '?_S': "`local vftable'",
  '?_R4': "`RTTI Complete Object Locator'",
};
const untyped: Readonly<Record<string, string>> = {
  '?_R2': "`RTTI Base Class Array'",
  '?_R3': "`RTTI Class Hierarchy Descriptor'",
};
const special = /\?(?:_R[0-4]|_[789ABCPS]|__[EFJ])/y;

/** What a compiler makes for itself. */
function parseSpecial(r: Reader): SymbolNode | undefined {
  special.lastIndex = r.at;
  const code = special.exec(r.name)?.[0];
  if (code === undefined) return undefined;
  r.at += code.length;
  const table = tables[code];
  if (table !== undefined) return parseTable(r, table);
  const text = untyped[code];
  if (text !== undefined) {
    const name = parseScopes(r, identifierOf(text));
    r.expect('8');
    return { kind: 'other', name };
  }
  switch (code) {
    case '?_9':
      return parseVirtualCall(r);
    case '?_B':
      return parseGuard(r, "`local static guard'");
    case '?__J':
      return parseGuard(r, "`local static thread guard'");
    case '?_C':
      return { kind: 'string', name: undefined, text: parseStringLiteral(r) };
    case '?_R0': {
      const type = parseType(r, 'marked');
      r.expect('@8');
      return describing(type, "`RTTI Type Descriptor'");
    }
    case '?_R1': {
      const numbers = [unsigned32(r), signed32(r), unsigned32(r), unsigned32(r)].join(', ');
      const name = parseScopes(r, identifierOf(`\`RTTI Base Class Descriptor at (${numbers})'`));
      r.accept('8');
      return { kind: 'other', name };
    }
    case '?__E':
    case '?__F':
      return parseDynamicStructor(r, code === '?__F');
    default:
      // `typeof` and `udt returning`: no compiler is known that writes them.
      return giveUp();
  }
}

function parseTable(r: Reader, text: string): SymbolNode {
  const name = parseScopes(r, identifierOf(text));
  if (!r.accept('6')) r.expect('7');
  const { qualifiers } = parseQualifiers(r);
  const targets: QualifiedName[] = [];
  while (!r.accept('@')) {
    r.budget.step();
    targets.push(parseTypeName(r));
  }
  return { kind: 'table', name, qualifiers, targets };
}

function parseGuard(r: Reader, text: string): SymbolNode {
  const guard = identifierOf(text);
  const name = parseScopes(r, guard);
  if (!r.accept('4IA')) r.expect('5');
  const index = r.ended ? 0n : r.unsigned();
  if (index > 0n) guard.is = { kind: 'text', text: `${text}{${index}}` };
  return { kind: 'other', name };
}

function parseVirtualCall(r: Reader): SymbolNode {
  const thunk = identifierOf('');
  const name = parseScopes(r, thunk);
  r.expect('$B');
  thunk.is = { kind: 'text', text: `\`vcall'{${r.unsigned()}, {flat}}` };
  r.expect('A');
  const convention = parseConvention(r);
  return {
    kind: 'function',
    name,
    is: { ...plain, untyped: true, thunk: true },
    signature: nothingSaid(convention),
  };
}

/** What runs before `main` for a variable, or at the exit. */
function parseDynamicStructor(r: Reader, destructor: boolean): SymbolNode {
  const member = r.accept('?');
  const symbol = parseDeclaration(r);
  if (symbol.kind === 'variable') {
    // Old versions of clang wrote one `@` and no `?` before.
    r.expect(member ? '@@' : '@');
    const { is, signature } = parseFunction(r);
    const dynamic = { kind: 'dynamic', destructor, variable: symbol, name: undefined } as const;
    return { kind: 'function', name: [{ is: dynamic, args: undefined, complete: undefined }], is, signature };
  }
  if (member || symbol.kind !== 'function') giveUp();
  const dynamic = { kind: 'dynamic', destructor, variable: undefined, name: symbol.name } as const;
  return { ...symbol, name: [{ is: dynamic, args: undefined, complete: undefined }] };
}

/** A function or a variable with its type. */
function parseDeclaration(r: Reader): SymbolNode {
  const name = parseSymbolName(r);
  // On ARM64EC, functions of that instruction set.
  r.accept('$$h');
  const conversion = name.at(-1)!.is;
  if (r.look() >= '0' && r.look() <= '4') {
    if (conversion.kind === 'conversion') giveUp();
    return parseVariable(r, name);
  }
  const { is, signature } = parseFunction(r);
  if (conversion.kind === 'conversion') conversion.to = signature.result ?? giveUp();
  return { kind: 'function', name, is, signature };
}

/** Members; then global and local variables. */
const storage = ['private', 'protected', 'public', '', ''] as const;

function parseVariable(r: Reader, name: QualifiedName): SymbolNode {
  const access = storage[Number(r.next())]!;
  const type = parseType(r, 'none');
  if (type.kind === 'pointer') {
    Object.assign(type.qualifiers, parseExtendedQualifiers(r));
    const { qualifiers } = parseQualifiers(r);
    // The class over again.
    if (type.owner !== undefined) parseTypeName(r);
    Object.assign(type.to.qualifiers, qualifiers);
  } else {
    type.qualifiers = parseQualifiers(r).qualifiers;
  }
  return { kind: 'variable', name, access, type };
}

/** The type of a function of which the name says nothing but its calling convention. */
const nothingSaid = (convention: string): Signature => ({
  kind: 'function',
  qualifiers: {},
  reference: '',
  convention,
  result: undefined,
  params: undefined,
  variadic: false,
  noexcept: false,
});

const plain: FunctionClass = {
  access: '',
  global: false,
  static: false,
  virtual: false,
  externC: false,
  untyped: false,
  adjust: undefined,
  thunk: false,
};

function parseFunction(r: Reader): Pick<SymbolNode & { kind: 'function' }, 'is' | 'signature'> {
  const externC = r.accept('$$J0');
  const is = { ...parseFunctionClass(r), externC };
  if (is.untyped) {
    return { is: { ...is, externC: true }, signature: nothingSaid('') };
  }
  return { is, signature: parseSignature(r, !is.global && !is.static) };
}

/** Offsets have 32 bits; compilers write negative ones as numbers of 32 or of 64. */
const signed32 = (r: Reader) => BigInt.asIntN(32, r.signed());

const unsigned32 = (r: Reader, signed = false) => BigInt.asUintN(32, signed ? r.signed() : r.unsigned());

const accesses = ['private', 'protected', 'public'] as const;

/** From `A` to `X` eight for each access; every second of them is of a `far` function, as there were with 16 bits. */
function parseFunctionClass(r: Reader): FunctionClass {
  const code = r.next();
  if (code === '$') return parseVirtualThunk(r);
  if (code === '9') return { ...plain, untyped: true };
  if (code === 'Y' || code === 'Z') return { ...plain, global: true };
  if (code < 'A' || code > 'X') giveUp();
  const index = code.charCodeAt(0) - 65;
  const kind = (index & 7) >> 1;
  const access = accesses[index >> 3]!;
  if (kind < 3) return { ...plain, access, static: kind === 1, virtual: kind === 2 };
  // LLVM does not call private ones virtual.
  const virtual = access !== 'private';
  return { ...plain, access, virtual, thunk: true, adjust: `\`adjustor{${unsigned32(r, true)}}'` };
}

/** Thunks that find what to add to `this` in the object: of virtual bases that have virtual functions. */
function parseVirtualThunk(r: Reader): FunctionClass {
  const extended = r.accept('R');
  const code = r.next();
  if (code < '0' || code > '5') giveUp();
  const access = accesses[Number(code) >> 1]!;
  const offsets = Array.from({ length: extended ? 3 : 1 }, () => signed32(r));
  offsets.push(unsigned32(r, true));
  const adjust = `\`vtordisp${extended ? 'ex' : ''}{${offsets.join(', ')}}'`;
  return { ...plain, access, virtual: true, thunk: true, adjust };
}
