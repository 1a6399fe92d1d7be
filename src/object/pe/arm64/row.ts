import type { CfiRow, Rule } from '../../cfi.js';
import { above, addressOf, savedAt } from '../place-rules.js';
import type { FrameState } from './frame-state.js';

const link: Rule = (frame) => frame.register('lr');

/** In CONTEXT of ARM64: x0 to x28, fp, lr, sp, pc from here on, eight bytes each. */
const CONTEXT_X0 = 8;
const CONTEXT_REGISTERS = [...Array.from({ length: 29 }, (_, i) => `x${i}`), 'fp', 'lr', 'sp', 'pc'];
/** A machine frame is two words: the stack pointer and the instruction pointer. */
const MACHINE_FRAME_SIZE = 16;

export function toCfiRow({ end, saved, special, interrupted }: FrameState): CfiRow {
  const registers = new Map<string, Rule>();
  for (const [name, place] of saved) registers.set(name, savedAt(place));
  const common = { signalFrame: interrupted, outermost: false };
  if (special === 'machine-frame') {
    registers.set('sp', savedAt(end));
    return {
      cfa: addressOf(above(end, MACHINE_FRAME_SIZE)),
      returnAddress: savedAt(above(end, 8)),
      registers,
      ...common,
    };
  }
  if (special === 'context') {
    const place = (name: string) => above(end, CONTEXT_X0 + CONTEXT_REGISTERS.indexOf(name) * 8);
    for (const name of CONTEXT_REGISTERS) if (name !== 'pc') registers.set(name, savedAt(place(name)));
    return { cfa: savedAt(place('sp')), returnAddress: savedAt(place('pc')), registers, ...common };
  }
  return { cfa: addressOf(end), returnAddress: registers.get('lr') ?? link, registers, ...common };
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
