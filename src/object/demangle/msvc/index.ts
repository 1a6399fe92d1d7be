import { Budget, bounded } from '../budget.js';
import { cloneSuffix } from '../clones.js';
import { Reader } from './reader.js';
import { Renderer, type Style } from './render.js';
import { parseSymbol } from './symbols.js';

/**
 * The readable form of a name that Microsoft's C++ compiler or clang's `*-windows-msvc` mangled: `name` begins with `?`, or
 * with `.?` if it is that of a type in a type descriptor. There is no specification; LLVM's MicrosoftDemangle.cpp and
 * MicrosoftMangle.cpp are the best there is. Gives up with `Unreadable`.
 */
export function demangleMsvc(name: string, style: Style): string {
  const budget = new Budget(name);
  const reader = new Reader(name, 0, budget);
  const symbol = parseSymbol(reader);
  const text = new Renderer(budget, style).symbol(symbol);
  return bounded(text + cloneSuffix(name.slice(reader.at)));
}

/** `_f@8` of `__stdcall`, `@f@8` of `__fastcall`, `f@@16` of `__vectorcall`; the number is that of the parameters' bytes. */
const decorated = /^(?:[_@]([^@?]+)@|([^@?]+)@@)(\d{1,4})$/;

/** The name of a C function without what its calling convention adds to it; undefined if nothing is added. */
export function undecorated(name: string): string | undefined {
  const parts = decorated.exec(name);
  if (parts === null || Number(parts[3]) % 4 !== 0) return undefined;
  return parts[1] ?? parts[2];
}
