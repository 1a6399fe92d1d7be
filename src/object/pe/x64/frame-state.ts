import type { UnwindInfo } from './unwind-info.js';

/** An address: what a register holds now, and so many bytes. */
export interface NumberedPlace {
  /** Number of the register, as the processor has it. */
  readonly register: number;
  readonly offset: number;
}

/** What must be known of a frame to leave it. */
export interface FrameState {
  /** Where the return address is; of a machine frame, where the instruction pointer is. */
  readonly end: NumberedPlace;
  /** Where registers of the caller were saved, by number, in the order of the prologue. */
  readonly saved: ReadonlyMap<number, NumberedPlace>;
  readonly isMachineFrame: boolean;
}

export const RSP = 4;

/**
 * Undoes prologues, as RtlVirtualUnwind does.
 *
 * @param infos of a part of a function and of those that it is chained to
 * @param done how far the prologue of the first has run, in bytes; those of the others have run to their ends
 */
export function unwindPrologues(infos: readonly UnwindInfo[], done: number): FrameState {
  let register = RSP;
  let offset = 0;
  let isMachineFrame = false;
  const saved = new Map<number, NumberedPlace>();
  infos.forEach((info, index) => {
    const limit = index === 0 ? done : Number.POSITIVE_INFINITY;
    const ran = info.operations.filter((one) => one.offset <= limit);
    // Registers are stored above the stack pointer as it is behind the prologue: where it may have moved on since then, the frame register
    // tells where that was.
    const isWhole = index > 0 || info.chained !== undefined || done >= info.prologSize;
    const hasFrame = isWhole || ran.some((one) => one.kind === 'set-frame');
    const base: NumberedPlace =
      info.frameRegister !== undefined && hasFrame
        ? { register: info.frameRegister, offset: -info.frameDistance }
        : { register, offset };
    for (const one of ran) {
      switch (one.kind) {
        case 'push':
          saved.set(one.register, { register, offset });
          offset += 8;
          break;
        case 'allocate':
          offset += one.size;
          break;
        case 'set-frame':
          register = one.register;
          offset = -one.distance;
          break;
        case 'save':
          saved.set(one.register, { register: base.register, offset: base.offset + one.at });
          break;
        case 'machine-frame':
          if (one.hasErrorCode) offset += 8;
          isMachineFrame = true;
          break;
      }
    }
  });
  return { end: { register, offset }, saved: new Map([...saved].reverse()), isMachineFrame };
}
