import { giveUp } from '../budget.js';
import { parseTypeName } from './names.js';
import type { TemplateArgument } from './nodes.js';
import type { Reader } from './reader.js';
import { parseSymbol } from './symbols.js';
import { parseType } from './types.js';

/** Empty packs, and what separates packs. */
const separators = ['$S', '$$V', '$$$V', '$$Z'];

/** To an `@`. */
export function parseTemplateArgs(r: Reader): TemplateArgument[] {
  const args: TemplateArgument[] = [];
  while (!r.accept('@')) {
    r.budget.step();
    if (!separators.some((separator) => r.accept(separator))) args.push(parseTemplateArg(r));
  }
  return args;
}

function parseTemplateArg(r: Reader): TemplateArgument {
  if (r.accept('$$Y')) return { kind: 'name', name: parseTypeName(r) };
  // The type of what an `auto` parameter stands for is not written. Behind it the value has no `$`.
  if (r.accept('$M')) {
    parseType(r, 'none');
    if (r.starts('$E?')) r.next();
    return parseValue(r) ?? parseTypeArg(r);
  }
  if (r.look() === '$' && r.look(1) !== '$') {
    r.next();
    return parseValue(r) ?? giveUp();
  }
  return parseTypeArg(r);
}

function parseTypeArg(r: Reader): TemplateArgument {
  r.accept('$$B');
  return { kind: 'type', type: parseType(r, r.accept('$$C') ? 'always' : 'none') };
}

/** How many offsets a pointer to a member has: for single, multiple, virtual and unspecified inheritance. */
const functionOffsets: Readonly<Record<string, number>> = { 1: 0, H: 1, I: 2, J: 3 };
const dataOffsets: Readonly<Record<string, number>> = { F: 2, G: 3 };

function parseValue(r: Reader): TemplateArgument | undefined {
  const code = r.look();
  if (code === '0') {
    r.next();
    return { kind: 'value', text: r.numberText() };
  }
  const ofFunction = functionOffsets[code];
  if (ofFunction !== undefined) {
    r.next();
    let symbol: ReturnType<typeof parseSymbol> | undefined;
    if (r.look() === '?') {
      symbol = parseSymbol(r);
      r.remember(symbol.name?.at(-1) ?? giveUp());
    }
    return { kind: 'symbol', symbol, offsets: parseOffsets(r, ofFunction), address: true };
  }
  const ofData = dataOffsets[code];
  if (ofData !== undefined) {
    r.next();
    return { kind: 'symbol', symbol: undefined, offsets: parseOffsets(r, ofData), address: false };
  }
  if (code === 'E' && r.look(1) === '?') {
    r.next();
    return { kind: 'symbol', symbol: parseSymbol(r), offsets: [], address: false };
  }
  return parseConstant(r);
}

const parseOffsets = (r: Reader, count: number) => Array.from({ length: count }, () => r.signed());

/** Values that C++20 added, which llvm-undname 19 does not know: as clang writes them. */
function parseConstant(r: Reader): TemplateArgument | undefined {
  const code = r.look();
  if (!'ABC2378'.includes(code) || code === '') return undefined;
  r.budget.enter();
  r.next();
  const value = parseConstantOf(r, code);
  r.budget.leave();
  return value;
}

function parseConstantOf(r: Reader, code: string): TemplateArgument {
  switch (code) {
    case '2': {
      const type = parseType(r, 'none');
      const members: TemplateArgument[] = [];
      while (!r.accept('@')) members.push(parseMember(r));
      return { kind: 'structure', type, members };
    }
    case '3': {
      parseType(r, 'none');
      const members: TemplateArgument[] = [];
      for (; !r.accept('@'); r.expect('@')) members.push(parseValue(r) ?? giveUp());
      return { kind: 'structure', type: undefined, members };
    }
    case '7': {
      const type = parseType(r, 'none');
      const member = r.simpleString();
      const value = parseValue(r) ?? giveUp();
      r.expect('@');
      return { kind: 'structure', type, members: [{ kind: 'designated', member, value }] };
    }
    case '8': {
      const owner = parseTypeName(r);
      const member = r.simpleName();
      r.expect('@');
      return { kind: 'member', name: [...owner, member] };
    }
    default:
      return { kind: 'value', text: code === 'A' ? float32(r.magnitude()) : float64(r.magnitude()) };
  }
}

/** A member of a class: what is a class, a union or an array itself says so, and all others their types first. */
function parseMember(r: Reader): TemplateArgument {
  if (r.digit) return parseConstant(r) ?? giveUp();
  const type = parseType(r, 'none');
  const value = parseValue(r) ?? giveUp();
  const pointer = type.kind === 'pointer' && type.sign === '*';
  return value.kind === 'symbol' && pointer ? { ...value, address: true } : value;
}

/** Of the bits. `long double` has those of `double` there. */
function float64(bits: bigint): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return String(view.getFloat64(0));
}

function float32(bits: bigint): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(BigInt.asUintN(32, bits)));
  const value = view.getFloat32(0);
  // As few digits as tell it from all other floats: nine do.
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(9)));
}
