/** How long a thread may take to stop, in milliseconds: one that sits in the kernel (D), and any other. */
const PATIENCE_D = 100;
export const PATIENCE = 2_000;
/** Stops come within 0.3 ms; so long it pays to ask without sleeping. */
export const SPIN_MS = 1;

/** Whether a thread has ended, by the letter of its state; undefined for one that is gone. */
export const hasLeft = (state: string | undefined): boolean =>
  state === undefined || state === 'X' || state === 'Z';

/** Whether threads in these states are waited for in vain after so many milliseconds: they have ended, or sit in the kernel. */
export function waitsInVain(states: readonly (string | undefined)[], elapsed: number): boolean {
  return states.every((state) => hasLeft(state) || (state === 'D' && elapsed > PATIENCE_D));
}
