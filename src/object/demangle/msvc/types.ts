import { giveUp } from '../budget.js';
import { parseTypeName, parseUnqualifiedTypeName } from './names.js';
import type { Qualifiers, Signature, Type } from './nodes.js';
import type { Reader } from './reader.js';

const primitives: Readonly<Record<string, string>> = {
  X: 'void',
  D: 'char',
  C: 'signed char',
  E: 'unsigned char',
  F: 'short',
  G: 'unsigned short',
  H: 'int',
  I: 'unsigned int',
  J: 'long',
  K: 'unsigned long',
  M: 'float',
  N: 'double',
  O: 'long double',
  _D: '__int8',
  _E: 'unsigned __int8',
  _F: '__int16',
  _G: 'unsigned __int16',
  _H: '__int32',
  _I: 'unsigned __int32',
  _J: '__int64',
  _K: 'unsigned __int64',
  _L: '__int128',
  _M: 'unsigned __int128',
  _N: 'bool',
  _P: 'auto',
  _Q: 'char8_t',
  _S: 'char16_t',
  _T: 'decltype(auto)',
  _U: 'char32_t',
  _W: 'wchar_t',
};

const tags: Readonly<Record<string, string>> = { T: 'union', U: 'struct', V: 'class', W: 'enum' };

/** Whether a type begins with its qualifiers: never, always, or behind a `?`. */
export type QualifiersBefore = 'none' | 'always' | 'marked';

export function parseType(r: Reader, before: QualifiersBefore): Type {
  r.budget.enter();
  const qualifiers =
    before === 'always' || (before === 'marked' && r.accept('?')) ? parseQualifiers(r).qualifiers : {};
  const type = parseUnqualifiedType(r);
  Object.assign(type.qualifiers, qualifiers);
  r.budget.leave();
  return type;
}

function parseUnqualifiedType(r: Reader): Type {
  const first = r.look();
  switch (first) {
    case 'T':
    case 'U':
    case 'V':
    case 'W':
      r.next();
      if (first === 'W') r.expect('4');
      return { kind: 'tag', tag: tags[first]!, name: parseTypeName(r), qualifiers: {} };
    case 'A':
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
      return parsePointer(r);
    case 'Y':
      return parseArray(r);
    case '?': {
      r.next();
      const identifier = parseUnqualifiedTypeName(r);
      r.expect('@');
      return { kind: 'custom', identifier, qualifiers: {} };
    }
    case '$':
      if (r.starts('$$Q')) return parsePointer(r);
      if (r.accept('$$A8@@')) return parseSignature(r, true);
      if (r.accept('$$A6')) return parseSignature(r, false);
      return r.accept('$$T') ? { kind: 'primitive', name: 'std::nullptr_t', qualifiers: {} } : giveUp();
    default: {
      const code = r.next() === '_' ? `_${r.next()}` : first;
      return { kind: 'primitive', name: primitives[code] ?? giveUp(), qualifiers: {} };
    }
  }
}

const pointers: Readonly<Record<string, Qualifiers>> = {
  A: {},
  P: {},
  Q: { const: true },
  R: { volatile: true },
  S: { const: true, volatile: true },
};

function parsePointer(r: Reader): Type {
  const rvalue = r.accept('$$Q');
  const code = rvalue ? '' : r.next();
  const sign = rvalue ? '&&' : code === 'A' ? '&' : '*';
  const qualifiers = { ...pointers[code] };
  if (r.digit && sign === '*' && r.look() !== '6' && r.look() !== '8') giveUp();
  if (r.accept('6'))
    return { kind: 'pointer', sign, qualifiers, owner: undefined, to: parseSignature(r, false) };
  Object.assign(qualifiers, parseExtendedQualifiers(r));
  // There are no references to members.
  if (sign === '*' && r.accept('8')) {
    const owner = parseTypeName(r);
    return { kind: 'pointer', sign, qualifiers, owner, to: parseSignature(r, true) };
  }
  if (sign !== '*')
    return { kind: 'pointer', sign, qualifiers, owner: undefined, to: parseType(r, 'always') };
  const pointee = parseQualifiers(r);
  const owner = pointee.member ? parseTypeName(r) : undefined;
  const to = parseType(r, 'none');
  if (owner !== undefined) to.qualifiers = pointee.qualifiers;
  else Object.assign(to.qualifiers, pointee.qualifiers);
  return { kind: 'pointer', sign, qualifiers, owner, to };
}

/** `E` says that a pointer has 64 bits, which is not written. */
export function parseExtendedQualifiers(r: Reader): Qualifiers {
  const qualifiers: Qualifiers = {};
  r.accept('E');
  if (r.accept('I')) qualifiers.restrict = true;
  if (r.accept('F')) qualifiers.unaligned = true;
  return qualifiers;
}

/** From `A` to `D`, and from `Q` to `T` for what is a member. */
export function parseQualifiers(r: Reader): { qualifiers: Qualifiers; member: boolean } {
  const code = r.next();
  const index = 'ABCDQRST'.indexOf(code);
  if (index < 0) giveUp();
  const qualifiers: Qualifiers = {};
  if (index & 1) qualifiers.const = true;
  if (index & 2) qualifiers.volatile = true;
  return { qualifiers, member: index >= 4 };
}

function parseArray(r: Reader): Type {
  r.expect('Y');
  const rank = r.unsigned();
  if (rank === 0n) giveUp();
  const dimensions: bigint[] = [];
  // Each takes a character at least: a number that is too large ends with the name.
  for (let i = 0n; i < rank; i++) dimensions.push(r.unsigned());
  let qualifiers: Qualifiers = {};
  if (r.accept('$$C')) {
    const { qualifiers: ofElements, member } = parseQualifiers(r);
    if (member) giveUp();
    qualifiers = ofElements;
  }
  return { kind: 'array', dimensions, element: parseType(r, 'none'), qualifiers };
}

const conventions: Readonly<Record<string, string>> = {
  A: '__cdecl',
  B: '__cdecl',
  C: '__pascal',
  D: '__pascal',
  E: '__thiscall',
  F: '__thiscall',
  G: '__stdcall',
  H: '__stdcall',
  I: '__fastcall',
  J: '__fastcall',
  M: '__clrcall',
  N: '__clrcall',
  O: '__eabi',
  P: '__eabi',
  Q: '__vectorcall',
  S: '__attribute__((__swiftcall__)) ',
  W: '__attribute__((__swiftasynccall__)) ',
};

/** Empty for the ones that LLVM does not know: `__regcall`. */
export const parseConvention = (r: Reader): string => conventions[r.next()] ?? '';

/** `member`: it begins with the qualifiers of `this`. */
export function parseSignature(r: Reader, member: boolean): Signature {
  r.budget.enter();
  const qualifiers: Qualifiers = {};
  let reference: Signature['reference'] = '';
  if (member) {
    Object.assign(qualifiers, parseExtendedQualifiers(r));
    reference = r.accept('G') ? '&' : r.accept('H') ? '&&' : '';
    Object.assign(qualifiers, parseQualifiers(r).qualifiers);
  }
  const convention = parseConvention(r);
  const result = r.accept('@') ? undefined : parseType(r, 'marked');
  const { params, variadic } = parseParams(r);
  const noexcept = r.accept('_E');
  if (!noexcept) r.expect('Z');
  r.budget.leave();
  return { kind: 'function', qualifiers, reference, convention, result, params, variadic, noexcept };
}

function parseParams(r: Reader): { params: Type[] | undefined; variadic: boolean } {
  if (r.accept('X')) return { params: undefined, variadic: false };
  const params: Type[] = [];
  for (;;) {
    r.budget.step();
    // Of `@Z` the second is the end of the type.
    if (r.accept('@')) return { params, variadic: false };
    if (r.accept('Z')) return { params, variadic: true };
    if (r.digit) {
      params.push(r.referredParam());
      continue;
    }
    const start = r.at;
    const type = parseType(r, 'none');
    params.push(type);
    if (r.at - start > 1) r.rememberParam(type);
  }
}
