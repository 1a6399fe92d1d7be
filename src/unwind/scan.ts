import type { Task } from '../io/index.js';
import type { UnwindCpu } from './cpu.js';
import type { CodeModule } from './lookups.js';
import {
  type Attempt,
  failed,
  hex,
  mayBeReturnAddress,
  readWord,
  type Step,
  stackPointer,
} from './technique.js';

/** 99.5% of all frames are smaller, by a count of rust-minidump's and Breakpad's authors. */
const LARGEST_FRAME = 128n * 1024n;

/**
 * The caller by the first word above the stack pointer that may be a return address. It may as well be the rest of a call that has
 * long returned.
 */
export function byScan(cpu: UnwindCpu): <M extends CodeModule>(step: Step<M>) => Task<Attempt> {
  return function* (step) {
    const { rules, scanWords } = step;
    const start = stackPointer(step);
    if (start === undefined) return failed('the stack pointer is not known');
    const word = BigInt(rules.word);
    for (let i = 0; i < scanWords; i++) {
      const slot = start + BigInt(i) * word;
      const value = readWord(step, slot);
      if (value === undefined) return failed(`the dump holds no memory at ${hex(slot)}`);
      if (!(yield* mayBeReturnAddress(step, value))) continue;
      const frame = i === 0 ? undefined : frameAfter[cpu]?.(step, slot);
      const registers = new Map<string, bigint>();
      if (frame !== undefined) registers.set(rules.frame(step.system), frame);
      return {
        kind: 'found',
        trust: 'scan',
        instruction: value,
        stack: slot + word,
        registers,
        note: `word ${i}, at ${hex(slot)}`,
      };
    }
    return failed(`no return address in ${scanWords} words from ${hex(start)}`);
  };
}

/**
 * The frame pointer of the caller, guessed from what is below the return address. In the slot of the return address itself, the
 * first one, there is no room for it.
 */
const frameAfter: Partial<Record<UnwindCpu, (step: Step, slot: bigint) => bigint | undefined>> = {
  /** The callee pushed ebp, or does not use it. */
  x86(step, slot) {
    const saved = readWord(step, slot - 4n);
    if (saved === undefined) return undefined;
    if (saved > slot && saved - (slot - 4n) <= LARGEST_FRAME) {
      return readWord(step, saved) === undefined ? undefined : saved;
    }
    const current = step.callee.registers.get('ebp');
    if (current === undefined || current < slot + 4n) return undefined;
    return readWord(step, current) === undefined ? undefined : current;
  },
  /** The same, but that rbp must point to where it was pushed. rust-minidump does not ask whether an rbp that is kept can be read. */
  amd64(step, slot) {
    const current = step.callee.registers.get('rbp');
    if (current === undefined) return undefined;
    const saved = readWord(step, slot - 8n);
    if (current === slot - 8n && saved !== undefined && saved > slot && saved - current <= LARGEST_FRAME) {
      return readWord(step, saved) === undefined ? undefined : saved;
    }
    return current >= slot + 8n ? current : undefined;
  },
};
