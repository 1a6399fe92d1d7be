import { MAX_TEXT, Unreadable } from './budget.js';
import { demangleItanium } from './itanium/index.js';
import { demangleMsvc, undecorated } from './msvc/index.js';
import { demangleRustLegacy } from './rust/legacy.js';
import { demangleRustV0 } from './rust/v0.js';

export interface DemangleOptions {
  /**
   * false: C++ functions without parameters, return type and qualifiers, as stack traces are short; template arguments
   * stay. Default true.
   */
  parameters?: boolean;
  /**
   * true: Microsoft's names with all that they say, as undname and llvm-undname write them: access, `static` and `virtual`,
   * calling convention, the type of the result. Default false. Without effect where `parameters` is false, and on other names.
   */
  complete?: boolean;
}

/**
 * The readable form of a linker symbol: C++ of the Itanium ABI (`_Z`) and Rust, legacy (`_ZN…17h…E`) and v0 (`_R`), each
 * also with the underscore more that Mach-O has; C++ of Microsoft's ABI (`?`), its type descriptors (`.?A`), and C functions
 * with what a calling convention adds (`_f@8`, `@f@8`, `f@@16`: `f`). Everything else (Swift), and what is broken, too deep or
 * would become longer than 64 KiB, comes back as it is; nothing is thrown.
 *
 * C++ is written as LLVM writes it, but lambdas, unnamed types and clones as GNU does: `{lambda(int)#1}`,
 * `{unnamed type#1}`, ` [clone .cold]`. Microsoft's names are written as llvm-symbolizer has them in stacks, without access,
 * calling convention and result. Rust is written as rustc-demangle's `{:#}`, without hashes.
 */
export function demangle(name: string, options: DemangleOptions = {}): string {
  if (name.length > MAX_TEXT) return name;
  try {
    return demangled(name, options);
  } catch (error) {
    if (error instanceof Unreadable) return name;
    throw error;
  }
}

/** Whether it is a name of C++ or Rust that says more than a plain one does: with its scopes and parameters. */
export function isMangled(name: string): boolean {
  return /^_(?:Z|R|_Z)/.test(name);
}

function demangled(name: string, { parameters = true, complete = false }: DemangleOptions): string {
  if (/^\.?\?/.test(name)) return demangleMsvc(name, parameters ? (complete ? 'complete' : 'short') : 'name');
  const symbol = /^__(?:Z|R|__Z)/.test(name) ? name.slice(1) : name;
  if (symbol.startsWith('_R')) return demangleRustV0(symbol);
  if (symbol.startsWith('_ZN') && symbol.includes('17h')) {
    const rust = demangleRustLegacy(symbol);
    if (rust !== undefined) return rust;
  }
  return symbol.startsWith('_Z') || symbol.startsWith('___Z')
    ? demangleItanium(symbol, parameters)
    : (undecorated(name) ?? name);
}
