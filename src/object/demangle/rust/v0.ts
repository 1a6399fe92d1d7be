import { bounded, giveUp } from '../budget.js';
import { writeConst } from './constants.js';
import { rustSuffix } from './legacy.js';
import { Reader } from './reader.js';
import { writeType } from './types.js';

/**
 * The readable form of a Rust name in the v0 mangling (RFC 2603); `name` begins with `_R`. Hashes of crates are left out.
 * Gives up with `Unreadable`.
 */
export function demangleRustV0(name: string): string {
  const r = new Reader(name.slice(2));
  // A number here would be that of another version of the mangling.
  if (!/^[A-Z][\x20-\x7e]+$/.test(r.name)) giveUp();
  writePath(r, true);
  if (/[A-Z]/.test(r.look())) {
    r.muted = true;
    writePath(r, false);
    r.muted = false;
  }
  const suffix = r.name.slice(r.at);
  if (suffix !== '' && !suffix.startsWith('.')) giveUp();
  return bounded(r.text + rustSuffix(suffix));
}

/** <path>. Where values stand, generic arguments need `::` before them. */
export function writePath(r: Reader, inValue: boolean): void {
  r.budget.enter();
  const tag = r.next();
  switch (tag) {
    case 'C':
      r.tagged62('s');
      r.write(r.identifier());
      break;
    case 'N':
      writeNested(r, inValue);
      break;
    case 'M':
    case 'X':
    case 'Y':
      if (tag !== 'Y') skipImplPath(r);
      r.write('<');
      writeType(r);
      if (tag !== 'M') {
        r.write(' as ');
        writePath(r, false);
      }
      r.write('>');
      break;
    case 'I':
      writePath(r, inValue);
      r.write(inValue ? '::<' : '<');
      r.list(() => writeGenericArg(r));
      r.write('>');
      break;
    case 'B':
      r.atReference(() => writePath(r, inValue));
      break;
    default:
      giveUp();
  }
  r.budget.leave();
}

/** The module of an impl, which tells impls apart and no more. */
function skipImplPath(r: Reader): void {
  r.tagged62('s');
  const outer = r.muted;
  r.muted = true;
  writePath(r, false);
  r.muted = outer;
}

/** A name in a namespace: those with capital letters are what has no name in the source. */
function writeNested(r: Reader, inValue: boolean): void {
  const namespace = r.next();
  if (!/[a-zA-Z]/.test(namespace)) giveUp();
  writePath(r, inValue);
  const number = r.tagged62('s');
  const name = r.identifier();
  if (namespace >= 'a') {
    if (name !== '') r.write(`::${name}`);
    return;
  }
  if (number > Number.MAX_SAFE_INTEGER) giveUp();
  const kind = { C: 'closure', S: 'shim' }[namespace] ?? namespace;
  r.write(`::{${kind}${name === '' ? '' : `:${name}`}#${number}}`);
}

export function writeGenericArg(r: Reader): void {
  if (r.accept('L')) writeLifetime(r, r.base62());
  else if (r.accept('K')) writeConst(r, false);
  else writeType(r);
}

/** 0 is one that is not known; others count from the innermost binder outwards. */
export function writeLifetime(r: Reader, index: number): void {
  if (index === 0) {
    r.write("'_");
    return;
  }
  const depth = r.lifetimes - index;
  if (depth < 0) giveUp();
  r.write(depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`);
}
