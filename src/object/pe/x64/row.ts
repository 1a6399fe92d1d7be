import type { CfiRow, Rule } from '../../cfi.js';
import { above, addressOf, type Place, savedAt } from '../place-rules.js';
import { type FrameState, type NumberedPlace, RSP } from './frame-state.js';

/** In the order of their numbers. */
export const REGISTERS = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
] as const;

/** Registers that a function of Windows gives back, and others do not: those that nobody else speaks of. */
const ALSO_KEPT = ['rsi', 'rdi'] as const;

const same =
  (name: string): Rule =>
  (frame) =>
    frame.register(name);

const named = ({ register, offset }: NumberedPlace): Place => ({ register: REGISTERS[register]!, offset });

/** Where the processor pushes the stack pointer that it found: behind rip, cs and eflags. */
const MACHINE_FRAME_RSP = 24;
const MACHINE_FRAME_SIZE = 40;

export function toCfiRow({ end, saved, isMachineFrame }: FrameState): CfiRow {
  const frameEnd = named(end);
  const registers = new Map<string, Rule>(ALSO_KEPT.map((name) => [name, same(name)]));
  for (const [number, place] of saved) {
    if (number !== RSP) registers.set(REGISTERS[number]!, savedAt(named(place)));
  }
  if (isMachineFrame) registers.set('rsp', savedAt(above(frameEnd, MACHINE_FRAME_RSP)));
  return {
    cfa: addressOf(above(frameEnd, isMachineFrame ? MACHINE_FRAME_SIZE : 8)),
    returnAddress: savedAt(frameEnd),
    registers,
    signalFrame: isMachineFrame,
    outermost: false,
  };
}

/** Of code without unwind data: it pushed nothing, and keeps what callers want kept. */
export const LEAF: CfiRow = {
  ...toCfiRow({ end: { register: RSP, offset: 0 }, saved: new Map(), isMachineFrame: false }),
  leaf: true,
};
