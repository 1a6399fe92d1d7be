import { CONTEXT_AMD64, MINIDUMP_CALLBACK_TYPE as Type } from '../../../format/index.js';
import { MinidumpError } from '../../../io/index.js';
import type { Abi } from './abi.js';
import { inputHeadSize, inputSize } from './input.js';
import { structuresOf } from './structures.js';

/** CONTEXT_AMD64 of winnt.h, the bit of ContextFlags that says which processor it is for, and CONTEXT_CONTROL. */
const AMD64 = 0x0010_0000;
const CONTROL = 0x1;
/** Bits of ContextFlags that are for another processor: i386, ARM64, ARM. */
const OTHERS = 0x0001_0000 | 0x0040_0000 | 0x0020_0000;
/** More than a CONTEXT with all extended state that there is (AMX: 8 KiB of tiles). */
const LARGEST = 0x8000;

const other = { msvc: 'gcc', gcc: 'msvc' } as const;

/** How many bytes of the input `checkThreadLayout` looks at; 0 where it has nothing to look at. */
export function threadLayoutSize(type: number, abi: Abi): number {
  if (type !== Type.ThreadCallback || abi.cpu !== 'x64') return 0;
  // Both compilers give the whole union at least this size.
  return Math.max(inputSize(type, abi)!, inputSize(type, { ...abi, compiler: other[abi.compiler] })!);
}

/**
 * Whether a ThreadCallback of x64 can be of the compiler that was told: there the two lay out MINIDUMP_THREAD_CALLBACK differently. Nothing is
 * guessed: what does not fit fails the dump, as all that the callback sees of threads would be wrong.
 *
 * @param bytes MINIDUMP_CALLBACK_INPUT, `threadLayoutSize` of it
 * @throws MinidumpError `unsupported`
 */
export function checkThreadLayout(bytes: Uint8Array, abi: Abi): void {
  const told = layoutFit(bytes, abi);
  if (told === 'whole') return;
  const compiler = other[abi.compiler];
  const fitsOther = layoutFit(bytes, { ...abi, compiler }) === 'whole';
  // A thread may well run on a stack that it has made itself.
  if (told === 'foreign stack' && !fitsOther) return;
  throw new MinidumpError(
    'unsupported',
    fitsOther
      ? `this DLL has the layout of the other compiler: abi ${compiler}, not ${abi.compiler}`
      : `this DLL has no layout that is known (abi ${abi.compiler}): a thread has no CONTEXT where it should be`,
    {
      advice: fitsOther
        ? `Say abi: '${compiler}' (MDMP_DBGHELP_ABI=${compiler}); for Microsoft's DLLs it is msvc.`
        : "Use the system's dbghelp.dll, or name another one (--dbghelp).",
    },
  );
}

function layoutFit(bytes: Uint8Array, abi: Abi): 'whole' | 'foreign stack' | 'none' {
  const { MINIDUMP_THREAD_CALLBACK } = structuresOf(abi);
  const thread = new DataView(bytes.buffer, bytes.byteOffset + inputHeadSize(abi));
  const place = (name: Parameters<typeof MINIDUMP_THREAD_CALLBACK.offsetOf>[0]) =>
    MINIDUMP_THREAD_CALLBACK.offsetOf(name);
  const context = place('Context');
  const size = thread.getUint32(place('SizeOfContext'), true);
  const flags = thread.getUint32(context + CONTEXT_AMD64.offsetOf('ContextFlags'), true);
  if (size < CONTEXT_AMD64.size || size > LARGEST) return 'none';
  // Of a thread that has just ended there is no context: all is 0.
  if (flags !== 0 && ((flags & AMD64) === 0 || (flags & OTHERS) !== 0)) return 'none';
  if ((flags & CONTROL) === 0) return 'whole';
  const rsp = thread.getBigUint64(context + CONTEXT_AMD64.offsetOf('Rsp'), true);
  const inside =
    thread.getBigUint64(place('StackBase'), true) <= rsp &&
    rsp <= thread.getBigUint64(place('StackEnd'), true);
  return inside ? 'whole' : 'foreign stack';
}
