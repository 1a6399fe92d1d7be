import { giveUp } from '../budget.js';
import { writeConst } from './constants.js';
import type { Reader } from './reader.js';
import { writeGenericArg, writeLifetime, writePath } from './v0.js';

const basicTypes: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

/** <type> */
export function writeType(r: Reader): void {
  r.budget.enter();
  const tag = r.next();
  const basic = basicTypes[tag];
  if (basic !== undefined) r.write(basic);
  else writeCompound(r, tag);
  r.budget.leave();
}

function writeCompound(r: Reader, tag: string): void {
  switch (tag) {
    case 'A':
    case 'S':
      r.write('[');
      writeType(r);
      if (tag === 'A') {
        r.write('; ');
        writeConst(r, true);
      }
      r.write(']');
      break;
    case 'T': {
      r.write('(');
      const count = r.list(() => writeType(r));
      r.write(count === 1 ? ',)' : ')');
      break;
    }
    case 'R':
    case 'Q': {
      r.write('&');
      const lifetime = r.accept('L') ? r.base62() : 0;
      if (lifetime !== 0) {
        writeLifetime(r, lifetime);
        r.write(' ');
      }
      if (tag === 'Q') r.write('mut ');
      writeType(r);
      break;
    }
    case 'P':
    case 'O':
      r.write(tag === 'P' ? '*const ' : '*mut ');
      writeType(r);
      break;
    case 'F':
      withBinder(r, () => writeFunction(r));
      break;
    case 'D': {
      r.write('dyn ');
      withBinder(r, () => r.list(() => writeDynTrait(r), ' + '));
      r.expect('L');
      const lifetime = r.base62();
      if (lifetime !== 0) {
        r.write(' + ');
        writeLifetime(r, lifetime);
      }
      break;
    }
    case 'W':
      writeType(r);
      r.write(' is ');
      writePattern(r);
      break;
    case 'B':
      r.atReference(() => writeType(r));
      break;
    default:
      r.at--;
      writePath(r, false);
  }
}

/** More lifetimes than this are none that anybody wrote. */
const MAX_LIFETIMES = 1024;

/** `for<'a, 'b> ` and what it is for. */
function withBinder(r: Reader, write: () => void): void {
  const count = r.tagged62('G');
  if (count > MAX_LIFETIMES) giveUp();
  const outer = r.lifetimes;
  if (count > 0) {
    r.write('for<');
    for (let i = 0; i < count; i++) {
      if (i > 0) r.write(', ');
      r.lifetimes++;
      writeLifetime(r, 1);
    }
    r.write('> ');
  }
  write();
  r.lifetimes = outer;
}

/** <fn-sig> */
function writeFunction(r: Reader): void {
  if (r.accept('U')) r.write('unsafe ');
  if (r.accept('K')) {
    const abi = r.accept('C') ? 'C' : r.identifier().replaceAll('_', '-');
    r.write(`extern "${abi}" `);
  }
  r.write('fn(');
  r.list(() => writeType(r));
  r.write(')');
  if (r.accept('u')) return;
  r.write(' -> ');
  writeType(r);
}

/** <dyn-trait>: associated types stand among the trait's generic arguments. */
function writeDynTrait(r: Reader): void {
  r.budget.enter();
  let open = writeTraitPath(r);
  while (r.accept('p')) {
    r.write(open ? ', ' : '<');
    open = true;
    r.write(`${r.identifier()} = `);
    writeType(r);
  }
  if (open) r.write('>');
  r.budget.leave();
}

/** A path whose generic arguments, if it has any, are not closed yet. */
function writeTraitPath(r: Reader): boolean {
  r.budget.enter();
  let open = false;
  if (r.accept('B')) open = r.atReference(() => writeTraitPath(r)) ?? false;
  else if (r.accept('I')) {
    writePath(r, false);
    r.write('<');
    r.list(() => writeGenericArg(r));
    open = true;
  } else writePath(r, false);
  r.budget.leave();
  return open;
}

/** Of a pattern type, which the compiler's own libraries use: `u32 is 1..=9`. */
function writePattern(r: Reader): void {
  r.budget.enter();
  const tag = r.next();
  if (tag === 'R') {
    writeConst(r, false);
    r.write('..=');
    writeConst(r, false);
  } else if (tag === 'O') r.list(() => writePattern(r), ' | ');
  else if (tag === 'N') r.write('!null');
  else giveUp();
  r.budget.leave();
}
