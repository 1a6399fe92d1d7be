import type { CfiRow, Rule } from '../../cfi.js';
import type { FrameState, Place } from './frame-state.js';

const address =
  ({ register, offset }: Place): Rule =>
  (frame) => {
    const value = frame.register(register);
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
const link: Rule = (frame) => frame.register('lr');

/** In CONTEXT of ARM64: x0 to x28, fp, lr, sp, pc from here on, eight bytes each. */
const CONTEXT_X0 = 8;
const CONTEXT_REGISTERS = [...Array.from({ length: 29 }, (_, i) => `x${i}`), 'fp', 'lr', 'sp', 'pc'];
/** A machine frame is two words: the stack pointer and the instruction pointer. */
const MACHINE_FRAME_SIZE = 16;

export function toCfiRow({ end, saved, special, interrupted }: FrameState): CfiRow {
  const registers = new Map<string, Rule>();
  for (const [name, place] of saved) registers.set(name, memory(place));
  const common = { signalFrame: interrupted, outermost: false };
  if (special === 'machine-frame') {
    registers.set('sp', memory(end));
    return {
      cfa: address(above(end, MACHINE_FRAME_SIZE)),
      returnAddress: memory(above(end, 8)),
      registers,
      ...common,
    };
  }
  if (special === 'context') {
    const place = (name: string) => above(end, CONTEXT_X0 + CONTEXT_REGISTERS.indexOf(name) * 8);
    for (const name of CONTEXT_REGISTERS) if (name !== 'pc') registers.set(name, memory(place(name)));
    return { cfa: memory(place('sp')), returnAddress: memory(place('pc')), registers, ...common };
  }
  return { cfa: address(end), returnAddress: registers.get('lr') ?? link, registers, ...common };
}

/** Of code without unwind data: its return address is in the link register. */
export const LEAF: CfiRow = {
  ...toCfiRow({
    end: { register: 'sp', offset: 0 },
    saved: new Map(),
    special: undefined,
    interrupted: false,
  }),
  leaf: true,
};
