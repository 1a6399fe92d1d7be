import type { Place } from '../place-rules.js';
import type { Operation } from './codes.js';

/** An address: what `sp` or `fp` holds now, and so many bytes. */
export interface StackPlace extends Place {
  readonly register: 'sp' | 'fp';
}

/** What must be known of a frame to leave it. */
export interface FrameState {
  /** The stack pointer of the caller. Of a special frame, where it lies. */
  readonly end: StackPlace;
  /** Where registers of the caller were saved, in the order in which they are undone. */
  readonly saved: ReadonlyMap<string, StackPlace>;
  readonly special: 'machine-frame' | 'context' | undefined;
  /** The return address is the next instruction to run, not one behind a call. */
  readonly interrupted: boolean;
}

/** Undoes operations one after the other; undefined where one cannot be undone. */
export function undo(operations: readonly Operation[]): FrameState | undefined {
  let register: StackPlace['register'] = 'sp';
  let offset = 0;
  let more = 0;
  let interrupted = false;
  const saved = new Map<string, StackPlace>();
  for (const one of operations) {
    switch (one.kind) {
      case 'allocate':
        offset += one.size;
        break;
      case 'save-next':
        more++;
        break;
      case 'save': {
        const registers = [...one.registers, ...following(one.registers, more)];
        more = 0;
        registers.forEach((name, i) => {
          if (name) saved.set(name, { register, offset: offset + one.at + i * one.width });
        });
        offset += one.grow;
        break;
      }
      case 'set-frame':
        if (saved.has('fp')) return undefined;
        register = 'fp';
        offset = -one.distance;
        break;
      case 'machine-frame':
      case 'context':
        return { end: { register, offset }, saved, special: one.kind, interrupted: true };
      case 'not-called':
        interrupted = true;
        break;
      case 'unknown':
        return undefined;
    }
  }
  return { end: { register, offset }, saved, special: undefined, interrupted };
}

/** The registers that so many save_next store behind a pair. */
function following(pair: readonly (string | undefined)[], more: number): (string | undefined)[] {
  const last = pair.at(-1);
  const number = last === undefined ? undefined : Number(/^x(\d+)$/.exec(last)?.[1] ?? Number.NaN);
  return Array.from({ length: more * 2 }, (_, i) => {
    if (number === undefined || Number.isNaN(number)) return undefined;
    const next = number + 1 + i;
    return next < 29 ? `x${next}` : next === 29 ? 'fp' : next === 30 ? 'lr' : undefined;
  });
}
