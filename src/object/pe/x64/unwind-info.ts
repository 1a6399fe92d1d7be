import type { Task } from '../../../io/index.js';
import { ByteReader, broken } from '../../bytes.js';
import type { PeImage } from '../image.js';

/** An entry of the exception directory (RUNTIME_FUNCTION): RVAs of the first byte, of the byte behind the last, of UNWIND_INFO. */
export interface RuntimeFunction {
  readonly start: number;
  readonly end: number;
  readonly info: number;
}

export const RUNTIME_FUNCTION_SIZE = 12;

export function readRuntimeFunction(reader: ByteReader): RuntimeFunction {
  return { start: reader.u32(), end: reader.u32(), info: reader.u32() };
}

/**
 * What one instruction of a prologue did. `offset` is behind that instruction, from the beginning of the function. Numbers of registers are
 * those of the processor: rax rcx rdx rbx rsp rbp rsi rdi r8 …
 */
export type Operation =
  | { readonly kind: 'push'; readonly offset: number; readonly register: number }
  | { readonly kind: 'allocate'; readonly offset: number; readonly size: number }
  /** The frame register was set to the stack pointer and `distance` bytes. */
  | {
      readonly kind: 'set-frame';
      readonly offset: number;
      readonly register: number;
      readonly distance: number;
    }
  /** A register was stored so many bytes above the stack pointer, as it is behind the prologue. */
  | { readonly kind: 'save'; readonly offset: number; readonly register: number; readonly at: number }
  /** The processor pushed what it was interrupted in, and maybe an error code before it. */
  | { readonly kind: 'machine-frame'; readonly offset: number; readonly hasErrorCode: boolean };

export interface UnwindInfo {
  readonly prologSize: number;
  /** Number of the register that points into the frame, and how far above the stack pointer behind the prologue, in bytes. */
  readonly frameRegister: number | undefined;
  readonly frameDistance: number;
  /** In the order in which they are undone. */
  readonly operations: readonly Operation[];
  /** Version 2 says where epilogues are: bytes of each from its first pop on, and where they begin, in bytes before the end. */
  readonly epilogues: { readonly size: number; readonly beforeEnd: readonly number[] } | undefined;
  /** This is a part of a function, whose prologue another entry describes. */
  readonly chained: RuntimeFunction | undefined;
}

const UNW_FLAG_CHAININFO = 4;
const CODE_SIZE = 2;

/** UNWIND_CODE.UnwindOp, as winnt.h and the x64 ABI name them. */
const UWOP = {
  PUSH_NONVOL: 0,
  ALLOC_LARGE: 1,
  ALLOC_SMALL: 2,
  SET_FPREG: 3,
  SAVE_NONVOL: 4,
  SAVE_NONVOL_FAR: 5,
  /** In version 1 the save of half an XMM register, in an old form. */
  EPILOG: 6,
  SPARE: 7,
  SAVE_XMM128: 8,
  SAVE_XMM128_FAR: 9,
  PUSH_MACHFRAME: 10,
} as const;

/** UNWIND_INFO at an RVA. Undefined where it is not there, or is of another version than 1 or 2; throws `malformed` where it is broken. */
export function* readUnwindInfo(image: PeImage, rva: number): Task<UnwindInfo | undefined> {
  const head = yield* image.read(rva, 4);
  if (head === undefined) return undefined;
  const version = head[0]! & 7;
  if (version !== 1 && version !== 2) return undefined;
  const isChained = ((head[0]! >> 3) & UNW_FLAG_CHAININFO) !== 0;
  const count = head[2]!;
  // There is room for an even number of codes; behind the last of all there need not be.
  const codesSize = (isChained ? (count + 1) & ~1 : count) * CODE_SIZE;
  const bytes = yield* image.read(rva + 4, codesSize + (isChained ? RUNTIME_FUNCTION_SIZE : 0));
  if (bytes === undefined) return undefined;
  const frame = head[3]!;
  const frameRegister = (frame & 15) === 0 ? undefined : frame & 15;
  const codes = new ByteReader(bytes, 'unwind codes', 0, count * CODE_SIZE);
  const frameDistance = (frame >> 4) * 16;
  const context = { version, frameRegister: frameRegister ?? 0, frameDistance };
  const { operations, epilogues } = readCodes(codes, context);
  const chained = isChained
    ? readRuntimeFunction(new ByteReader(bytes, 'unwind information', codesSize))
    : undefined;
  return { prologSize: head[1]!, frameRegister, frameDistance, operations, epilogues, chained };
}

function readCodes(
  reader: ByteReader,
  {
    version,
    frameRegister,
    frameDistance,
  }: { version: number; frameRegister: number; frameDistance: number },
): Pick<UnwindInfo, 'operations' | 'epilogues'> {
  const operations: Operation[] = [];
  let epilogueSize: number | undefined;
  const beforeEnd: number[] = [];
  while (reader.left > 0) {
    const offset = reader.u8();
    const code = reader.u8();
    const info = code >> 4;
    switch (code & 15) {
      case UWOP.PUSH_NONVOL:
        operations.push({ kind: 'push', offset, register: info });
        break;
      case UWOP.ALLOC_LARGE:
        if (info > 1) throw reader.broken('a size of 16 or 32 bits');
        operations.push({ kind: 'allocate', offset, size: info === 0 ? reader.u16() * 8 : reader.u32() });
        break;
      case UWOP.ALLOC_SMALL:
        operations.push({ kind: 'allocate', offset, size: info * 8 + 8 });
        break;
      case UWOP.SET_FPREG:
        operations.push({ kind: 'set-frame', offset, register: frameRegister, distance: frameDistance });
        break;
      case UWOP.SAVE_NONVOL:
        operations.push({ kind: 'save', offset, register: info, at: reader.u16() * 8 });
        break;
      case UWOP.SAVE_NONVOL_FAR:
        operations.push({ kind: 'save', offset, register: info, at: reader.u32() });
        break;
      case UWOP.EPILOG:
        if (version === 1) reader.skip(2);
        else if (epilogueSize === undefined) {
          // The first tells the size of all, and whether there is one at the very end.
          epilogueSize = offset;
          if (info & 1) beforeEnd.push(offset);
        } else if (offset + info * 256 > 0) beforeEnd.push(offset + info * 256);
        break;
      case UWOP.SPARE:
        reader.skip(version === 1 ? 4 : 2);
        break;
      case UWOP.SAVE_XMM128:
        // Vector registers are not unwound here.
        reader.skip(2);
        break;
      case UWOP.SAVE_XMM128_FAR:
        reader.skip(4);
        break;
      case UWOP.PUSH_MACHFRAME:
        operations.push({ kind: 'machine-frame', offset, hasErrorCode: info === 1 });
        break;
      default:
        throw reader.broken('an unwind code');
    }
  }
  return {
    operations,
    epilogues: epilogueSize === undefined ? undefined : { size: epilogueSize, beforeEnd },
  };
}

/** Chains are no longer than this, as in RtlVirtualUnwind. */
export const MAX_CHAIN = 32;

/** An entry and those that it is chained to, itself first. Throws `malformed` where they do not end. */
export function* readChain(
  image: PeImage,
  entry: RuntimeFunction,
): Task<readonly { readonly entry: RuntimeFunction; readonly info: UnwindInfo }[] | undefined> {
  const chain: { entry: RuntimeFunction; info: UnwindInfo }[] = [];
  for (let next: RuntimeFunction | undefined = entry; next; ) {
    if (chain.length >= MAX_CHAIN)
      throw broken('unwind information', 'a chain that ends', `more than ${MAX_CHAIN} parts`);
    const info: UnwindInfo | undefined = yield* readUnwindInfo(image, next.info);
    if (info === undefined) return undefined;
    chain.push({ entry: next, info });
    next = info.chained;
  }
  return chain;
}
