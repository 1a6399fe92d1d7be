import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { MinidumpError } from '../io/index.js';

type Koffi = typeof import('koffi');
/** A system call or C function. Integers of 64 bits may be given as number or bigint, buffers as typed arrays. */
export interface NativeFunction {
  // biome-ignore lint/suspicious/noExplicitAny: the signature is a C declaration, which TypeScript cannot see
  (...args: any[]): any;
  /** Calls it in a thread of libuv's pool; the last argument is told the error, if any, and the result. */
  async(...args: unknown[]): void;
}

let koffi: Koffi | undefined;
let library: ReturnType<Koffi['load']> | undefined;
const functions = new Map<string, NativeFunction>();

/** koffi, loaded at the first use: reading dumps works without it. */
export function loadKoffi(): Koffi {
  if (koffi === undefined) {
    try {
      koffi = createRequire(import.meta.url)('koffi') as Koffi;
    } catch (cause) {
      throw new MinidumpError(
        'koffi-missing',
        'the optional package koffi is not installed or does not load here',
        {
          advice: 'Install it beside mdmp: npm install koffi@3',
          cause,
        },
      );
    }
  }
  return koffi;
}

/** The process itself, which holds the C library: glibc or musl, whichever Node runs on. */
export function ownLibrary(): ReturnType<Koffi['load']> {
  library ??= loadKoffi().load(null);
  return library;
}

/** A function of the C library by its declaration, e.g. `libc('int kill(int pid, int sig)')`. */
export function libc(declaration: string): NativeFunction {
  let found = functions.get(declaration);
  if (found === undefined) {
    found = ownLibrary().func(declaration) as NativeFunction;
    functions.set(declaration, found);
  }
  return found;
}

/** errno of the last call made by this thread through `libc`. Read it before anything else. */
export function errno(): number {
  return loadKoffi().errno();
}

/** `EPERM` for 1, and so on. */
export function errnoName(code: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === code) return name;
  return `errno ${code}`;
}
