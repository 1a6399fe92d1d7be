import type { Rule } from '../cfi.js';

/** An address: what a register holds now, and so many bytes. */
export interface Place {
  readonly register: string;
  readonly offset: number;
}

/** The address itself. */
export function addressOf({ register, offset }: Place): Rule {
  return (frame) => {
    const value = frame.register(register);
    return value === undefined ? undefined : BigInt.asUintN(64, value + BigInt(offset));
  };
}

/** The 64 bits that are there. */
export function savedAt(place: Place): Rule {
  const where = addressOf(place);
  return (frame) => {
    const at = where(frame, undefined);
    return at === undefined ? undefined : frame.read(at, 8);
  };
}

export const above = ({ register, offset }: Place, bytes: number): Place => ({
  register,
  offset: offset + bytes,
});
