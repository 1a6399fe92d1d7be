import type { Task } from '../io/index.js';
import type { UnwindCpu } from './cpu.js';
import type { CodeModule } from './lookups.js';
import { type Attempt, failed, hex, readWord, type Step, stackPointer, stripped } from './technique.js';

/**
 * The caller by the frame pointer: it points to where the callee saved that of its caller, and the return address is next to it.
 * Nothing else is known of the caller's registers.
 */
export function byFramePointer(cpu: UnwindCpu): <M extends CodeModule>(step: Step<M>) => Task<Attempt> {
  return function* (step) {
    const register = step.rules.frame(step.system);
    const frame = step.callee.registers.get(register);
    if (frame === undefined) return failed(`${register} is not known`);
    return ways[cpu](step, frame, register);
  };
}

type Way = (step: Step, frame: bigint, register: string) => Attempt;

interface Saved {
  readonly instruction: bigint;
  readonly frame: bigint;
  readonly stack: bigint;
}

function savedAt(step: Step, at: bigint): Saved | undefined {
  const word = BigInt(step.rules.word);
  const instruction = readWord(step, at + word);
  const frame = readWord(step, at);
  if (instruction === undefined || frame === undefined) return undefined;
  return { instruction, frame, stack: at + 2n * word };
}

function found(saved: Saved, registers: Iterable<[string, bigint]>): Attempt {
  const { instruction, stack } = saved;
  return {
    kind: 'found',
    trust: 'frame_pointer',
    instruction,
    stack,
    registers: new Map(registers),
    note: `return address ${hex(instruction)}, stack pointer ${hex(stack)}`,
  };
}

/** rust-minidump and Breakpad take what is there: on x86 most code kept frame pointers. */
const x86: Way = (step, frame, register) => {
  const saved = savedAt(step, frame);
  if (saved === undefined) return failed(`the dump holds no memory at ${register} (${hex(frame)})`);
  return found(saved, [[register, saved.frame]]);
};

/** Windows: the frame register points up to 240 bytes into the frame, in steps of 16 (UNWIND_INFO.FrameOffset). */
const WINDOWS_PROBES = 16;

/** rbp is a register like others in most code: what it points to must look like a frame. */
const amd64: Way = (step, rbp, register) => {
  // Breakpad's test, which rust-minidump does not have: frames are aligned, and other values that are not are common.
  if (rbp % 8n !== 0n) return failed(`${register} (${hex(rbp)}) is not aligned`);
  const rsp = stackPointer(step);
  if (rsp === undefined) return failed('the stack pointer is not known');
  const probes = step.system === 'windows' ? WINDOWS_PROBES : 1;
  let why = '';
  for (let probe = 0; probe < probes; probe++) {
    const at = rbp + BigInt(probe * 16);
    const saved = savedAt(step, at);
    if (saved === undefined) return failed(`the dump holds no memory at ${register} (${hex(at)})`);
    if (saved.frame < saved.stack) {
      why = `the saved frame pointer (${hex(saved.frame)}) is below its frame`;
    } else if (readWord(step, saved.frame) === undefined) {
      return failed(`the saved frame pointer (${hex(saved.frame)}) leads to no memory in the dump`);
    } else if (!step.rules.mayBeCode(saved.instruction)) {
      why = `the return address (${hex(saved.instruction)}) is not canonical`;
    } else if (saved.stack <= rsp || readWord(step, saved.stack) === undefined) {
      why = `the stack pointer would be ${hex(saved.stack)}`;
    } else {
      return found(saved, [[register, saved.frame]]);
    }
  }
  return failed(why);
};

const arm: Way = (step, frame, register) => {
  if (frame === 0n) return { kind: 'outermost', why: `${register} is null` };
  return x86(step, frame, register);
};

const arm64: Way = (step, frame, register) => {
  // The ABI ends the chain with a null pointer. rust-minidump goes on to scan all the same, and so do we.
  if (frame === 0n) return failed(`${register} is null`);
  const signed = savedAt(step, frame);
  if (signed === undefined) return failed(`the dump holds no memory at ${register} (${hex(frame)})`);
  const saved = {
    ...signed,
    instruction: stripped(step, signed.instruction),
    frame: stripped(step, signed.frame),
  };
  if (!step.rules.mayBeCode(saved.instruction)) {
    return failed(`no code can be at the return address (${hex(saved.instruction)})`);
  }
  const registers: [string, bigint][] = [[register, saved.frame]];
  // Where the caller will return to: a guess, for people to look at. CFI does not use it.
  const link = readWord(step, saved.frame + 8n);
  if (link !== undefined) registers.push(['lr', stripped(step, link)]);
  return found(saved, registers);
};

const ways: Readonly<Record<UnwindCpu, Way>> = { x86, amd64, arm, arm64 };
