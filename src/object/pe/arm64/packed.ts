import type { Operation } from './codes.js';
import { type FrameEntry, INSTRUCTION, ownPrologue } from './frame-entry.js';

/** Flag of an entry: packed, and of a part of a function that has neither prologue nor epilogue. */
const PACKED_FRAGMENT = 2;
/** The largest `sub sp, sp, #n` that comes first, and the largest frame for `stp fp, lr, [sp, #-n]!`. */
const MAX_SUBTRACTION = 4080;
const MAX_PRE_INDEX = 512;
const NOP: Operation = { kind: 'nop' };

/**
 * Unwind data packed into the 32 bits of the entry itself: the prologue is one of a few canonical ones, which is written out here, step by step
 * as "ARM64 exception handling" of Microsoft has them.
 */
export function unpack(word: number): FrameEntry {
  const length = ((word >>> 2) & 0x7ff) * INSTRUCTION;
  const floats = (word >>> 13) & 7;
  const integers = (word >>> 16) & 15;
  const homes = (word >>> 20) & 1;
  const chain = (word >>> 21) & 3;
  const frameSize = (word >>> 23) * 16;
  const savesLink = chain === 1;
  const hasFrame = chain >= 2;

  const integerSize = integers * 8 + (savesLink ? 8 : 0);
  const floatSize = floats === 0 ? 0 : floats * 8 + 8;
  const savedSize = (integerSize + floatSize + homes * 64 + 15) & ~15;
  const localSize = Math.max(0, frameSize - savedSize);

  const steps: Operation[] = [];
  // The first store makes room for all.
  let grow = savedSize;
  const save = (registers: readonly (string | undefined)[], at: number): void => {
    steps.push({ kind: 'save', registers, at: grow > 0 ? 0 : at, grow, width: 8 });
    grow = 0;
  };
  if (chain === 2) steps.push(NOP); // pacibsp
  for (let i = 0; i < integers; i += 2) {
    const first = `x${19 + i}`;
    if (i + 1 < integers) save([first, `x${20 + i}`], i * 8);
    else if (!savesLink) save([first], i * 8);
    else {
      if (grow > 0) {
        // There is no code for a pair with the link register that makes room.
        steps.push({ kind: 'allocate', size: grow });
        grow = 0;
      }
      save([first, 'lr'], i * 8);
    }
  }
  if (savesLink && integers % 2 === 0) save(['lr'], integers * 8);
  if (floats > 0) {
    for (let i = 0; i <= floats; i += 2)
      save(i + 1 <= floats ? [undefined, undefined] : [undefined], integerSize + i * 8);
  }
  if (homes > 0) {
    // x0 to x7, of which nobody needs to know, up to the end; where nothing else was stored, the first makes room.
    const homeAt = savedSize - 64;
    for (let i = 0; i < 4; i++) save([undefined, undefined], homeAt + i * 16);
  }
  if (hasFrame && localSize > 0 && localSize <= MAX_PRE_INDEX) {
    steps.push({ kind: 'save', registers: ['fp', 'lr'], at: 0, grow: localSize, width: 8 });
    steps.push({ kind: 'set-frame', distance: 0 });
  } else {
    // Two at most: what is left after the first may be 4096.
    const first = Math.min(localSize, MAX_SUBTRACTION);
    for (const size of [first, localSize - first]) if (size > 0) steps.push({ kind: 'allocate', size });
    if (hasFrame) {
      steps.push({ kind: 'save', registers: ['fp', 'lr'], at: 0, grow: 0, width: 8 });
      steps.push({ kind: 'set-frame', distance: 0 });
    }
  }
  const prologue = steps.reverse();
  if ((word & 3) === PACKED_FRAGMENT)
    return { length, prologue: [{ kind: 'end-chained' }, ...prologue], epilogues: [] };
  // The epilogue has no need to copy the stack pointer from the frame pointer, nor of the parameters.
  const operations = prologue.filter(
    (one, i) => one.kind !== 'set-frame' && !isHome(one, i, prologue, homes),
  );
  const start = length - (ownPrologue(operations) + 1) * INSTRUCTION;
  return { length, prologue, epilogues: start < 0 ? [] : [{ start, operations }] };
}

/** The stores of x0 to x7 that do not make room; there are four of them, before those of the frame pointer. */
function isHome(one: Operation, index: number, prologue: readonly Operation[], homes: number): boolean {
  if (homes === 0 || one.kind !== 'save' || one.grow > 0) return false;
  const first = prologue.findIndex(
    (other) => other.kind === 'save' && other.registers.every((name) => name === undefined),
  );
  return index >= first && index < first + 4;
}
