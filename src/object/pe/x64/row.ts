import type { CfiRow, Rule } from '../../cfi.js';
import { type FrameState, type Place, RSP } from './frame-state.js';

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

const address =
  ({ register, offset }: Place): Rule =>
  (frame) => {
    const value = frame.register(REGISTERS[register]!);
    return value === undefined ? undefined : BigInt.asUintN(64, value + BigInt(offset));
  };

function memory(place: Place): Rule {
  const where = address(place);
  return (frame) => {
    const at = where(frame, undefined);
    return at === undefined ? undefined : frame.read(at, 8);
  };
}

const above = ({ register, offset }: Place, bytes: number): Place => ({ register, offset: offset + bytes });

/** Where the processor pushes the stack pointer that it found: behind rip, cs and eflags. */
const MACHINE_FRAME_RSP = 24;
const MACHINE_FRAME_SIZE = 40;

export function toCfiRow({ end, saved, isMachineFrame }: FrameState): CfiRow {
  const registers = new Map<string, Rule>(ALSO_KEPT.map((name) => [name, same(name)]));
  for (const [number, place] of saved) {
    if (number !== RSP) registers.set(REGISTERS[number]!, memory(place));
  }
  if (isMachineFrame) registers.set('rsp', memory(above(end, MACHINE_FRAME_RSP)));
  return {
    cfa: address(above(end, isMachineFrame ? MACHINE_FRAME_SIZE : 8)),
    returnAddress: memory(end),
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
