import type { FrameState } from './frame-state.js';
import { REGISTERS } from './row.js';

/** The rules of the body of a function, as symbolic writes them: `.cfa: $rsp 48 + $rbx: .cfa 16 - ^ .ra: .cfa 8 - ^`. */
export function cfiText({ end, saved, isMachineFrame }: FrameState): string {
  const cfa = end.offset + 8;
  const texts = [];
  const base = `$${REGISTERS[end.register]!}`;
  if (isMachineFrame) {
    texts.push(`.cfa: ${base} ${end.offset + 24} + ^`, `.ra: ${base} ${end.offset} + ^`);
  } else texts.push(`.cfa: ${base} ${cfa} +`);
  for (const [number, place] of saved) {
    const name = `$${REGISTERS[number]!}`;
    // Of a frame that the processor pushed, the CFA is somewhere else.
    if (isMachineFrame || place.register !== end.register)
      texts.push(`${name}: $${REGISTERS[place.register]!} ${place.offset} + ^`);
    else texts.push(`${name}: .cfa ${cfa - place.offset} - ^`);
  }
  if (!isMachineFrame) texts.push('.ra: .cfa 8 - ^');
  return texts.join(' ');
}
