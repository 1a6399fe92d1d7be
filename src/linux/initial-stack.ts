import type { ReadMemory } from '../dump/target.js';
import type { Task } from '../io/index.js';
import { AT_EXECFN, AT_PLATFORM, AT_RANDOM } from './auxv.js';

/**
 * What the kernel puts on the stack of a program when it starts it: from low to high addresses the number of arguments, pointers to
 * them, pointers to the variables of the environment, the auxiliary vector; above that, the strings themselves, arguments
 * first, then the environment, then the name of the program's file (fs/binfmt_elf.c, create_elf_tables; fs/exec.c).
 */
export interface InitialStack {
  /** Of the number of arguments: the stack pointer when the program began. */
  start: bigint;
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
}

/**
 * How far below the strings the vector and the pointers are looked for. Mostly they are near; the kernel's own limit of arguments
 * and environment together is a quarter of the stack's, 2 MiB as a rule and 6 MiB at most.
 */
const SPANS = [64n * 1024n, 1024n * 1024n, 8n * 1024n * 1024n];
const NULL_POINTER = 0n;
/** The kernel's vector has room for some 28 pairs (AT_VECTOR_SIZE, linux/auxvec.h); a longer one is none, and slow to look for. */
const MAX_VECTOR = 1024;

/**
 * Finds the arguments and the environment of a program in its memory, as /proc/PID/stat would tell of them. The auxiliary
 * vector is looked for below what it points to; around it are the pointers. Undefined where that memory is not there or has been
 * overwritten: nothing is guessed.
 *
 * @param vector the auxiliary vector as the core has it
 */
export function* findInitialStack(
  vector: Uint8Array,
  auxv: ReadonlyMap<number, bigint>,
  stack: { start: bigint; end: bigint },
  read: ReadMemory,
): Task<InitialStack | undefined> {
  const within = (address: bigint | undefined): address is bigint =>
    address !== undefined && address >= stack.start && address < stack.end;
  const nameOfFile = auxv.get(AT_EXECFN);
  const above = [auxv.get(AT_RANDOM), auxv.get(AT_PLATFORM), nameOfFile].filter(within);
  if (above.length === 0 || !within(nameOfFile)) return undefined;
  const [limit] = above.sort((a, b) => (a < b ? -1 : 1)) as [bigint];
  for (const span of SPANS) {
    const whole = limit - stack.start <= span;
    const low = (whole ? stack.start : limit - span) & ~7n;
    const bytes = yield* read(low, Number(limit - low));
    if (bytes.length < Number(limit - low)) return undefined;
    const found = parseInitialStack(vector, bytes, low, stack.end, nameOfFile);
    if (found !== undefined || whole) return found;
  }
  return undefined;
}

/** @param bytes what lies at `low` and above, up to what the vector points to */
function parseInitialStack(
  vector: Uint8Array,
  bytes: Uint8Array,
  low: bigint,
  stackEnd: bigint,
  nameOfFile: bigint,
): InitialStack | undefined {
  const length = usedBytes(vector);
  if (length > MAX_VECTOR) return undefined;
  const at = findLast(bytes, vector.subarray(0, length));
  if (at === undefined) return undefined;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number) => (offset < 0 ? NULL_POINTER : words.getBigUint64(offset, true));
  const isString = (value: bigint) => value >= low + BigInt(at + length) && value < stackEnd;

  // Downwards: NULL, variables, NULL, arguments, their number.
  let o = at - 8;
  if (word(o) !== NULL_POINTER) return undefined;
  let firstVariable: bigint | undefined;
  for (o -= 8; isString(word(o)); o -= 8) firstVariable = word(o);
  if (o < 0 || word(o) !== NULL_POINTER) return undefined;
  let firstArgument: bigint | undefined;
  let count = 0n;
  for (o -= 8; isString(word(o)); o -= 8, count++) firstArgument = word(o);
  if (o < 0 || word(o) !== count) return undefined;

  const envStart = firstVariable ?? nameOfFile;
  const argStart = firstArgument ?? envStart;
  if (!(argStart <= envStart && envStart <= nameOfFile)) return undefined;
  return { start: low + BigInt(o), argStart, argEnd: envStart, envStart, envEnd: nameOfFile };
}

/** Up to and with AT_NULL. */
function usedBytes(vector: Uint8Array): number {
  const words = new DataView(vector.buffer, vector.byteOffset, vector.byteLength);
  let at = 0;
  while (at + 16 <= vector.length) {
    at += 16;
    if (words.getBigUint64(at - 16, true) === 0n) break;
  }
  return at;
}

/** The last place, at a multiple of 8, of `wanted` in `bytes`: the vector lies as high as it can. */
function findLast(bytes: Uint8Array, wanted: Uint8Array): number | undefined {
  if (wanted.length === 0) return undefined;
  for (let at = (bytes.length - wanted.length) & ~7; at >= 0; at -= 8) {
    let same = 0;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return undefined;
}

/** What `/proc/PID/cmdline` would show: the bytes from `argStart` on. */
export function* readArguments(
  { argStart, argEnd, envEnd }: InitialStack,
  read: ReadMemory,
): Task<Uint8Array> {
  const own = yield* read(argStart, Number(argEnd - argStart));
  if (own.length === 0 || own.at(-1) === 0) return own;
  // A title that was written over the arguments and beyond: the kernel reads on to the first NUL (fs/proc/base.c).
  const all = yield* read(argStart, Number(envEnd - argStart));
  const end = all.indexOf(0);
  return all.subarray(0, end < 0 ? all.length : end + 1);
}
