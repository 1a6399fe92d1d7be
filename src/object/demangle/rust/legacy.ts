import { bounded } from '../budget.js';

/** What `$LT$` and the like stand for; `$u20$` is the character with that number. */
const escapes: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

const HASH = /^h[0-9a-f]{16}$/;

/**
 * Rust's old mangling: a nested name of the Itanium ABI whose last part is a hash, which is left out here. Undefined if
 * `name` (it begins with `_ZN`) is no such name.
 */
export function demangleRustLegacy(name: string): string | undefined {
  const parts: string[] = [];
  let at = 3;
  while (name[at] !== 'E') {
    const digits = /^\d{1,5}/.exec(name.slice(at, at + 5))?.[0];
    if (digits === undefined) return undefined;
    const end = at + digits.length + Number(digits);
    if (end >= name.length) return undefined;
    parts.push(name.slice(at + digits.length, end));
    at = end;
  }
  const suffix = name.slice(at + 1);
  if (!HASH.test(parts.pop() ?? '') || parts.length === 0) return undefined;
  if (suffix !== '' && !suffix.startsWith('.')) return undefined;
  return bounded(parts.map(decodePart).join('::') + rustSuffix(suffix));
}

function decodePart(part: string): string {
  // Identifiers begin with no `$`; the underscore is there for linkers.
  const text = part.startsWith('_$') ? part.slice(1) : part;
  return text.replace(/\.\.|\$([A-Z]{1,2}|u[0-9a-f]{1,6})\$/g, (all: string, code: string | undefined) => {
    if (code === undefined) return '::';
    if (!code.startsWith('u')) return escapes[code] ?? all;
    const scalar = Number.parseInt(code.slice(1), 16);
    const isSurrogate = scalar >= 0xd800 && scalar <= 0xdfff;
    const isControl = scalar < 0x20 || (scalar >= 0x7f && scalar <= 0x9f);
    return scalar > 0x10ffff || isSurrogate || isControl ? all : String.fromCodePoint(scalar);
  });
}

/** What stands behind a Rust name: LLVM's `.llvm.` and a hash says nothing to a reader, others do. */
export const rustSuffix = (suffix: string) => suffix.replace(/\.llvm\.[0-9A-F@]+$/, '');
