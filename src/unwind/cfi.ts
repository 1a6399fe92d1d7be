import { MinidumpError, type Task } from '../io/index.js';
import type { CfiRow, FrameView, Rule } from '../object/index.js';
import type { CodeModule } from './lookups.js';
import {
  type Attempt,
  failed,
  hex,
  keptRegisters,
  orBroken,
  type Step,
  stackPointer,
  stripped,
} from './technique.js';

/**
 * The caller by call frame information. Registers that the rules do not speak of are kept if they are callee-saved; one whose rule
 * fails is not known in the caller. What comes out need not be in a module: code may have been made at run time, or be lost.
 */
export function* byCfi<M extends CodeModule>(step: Step<M>): Task<Attempt> {
  const { callee, lookups, rules } = step;
  if (stackPointer(step) === undefined) return failed('the stack pointer is not known');
  if (callee.module === undefined) return failed('the instruction is in no module');
  const row = yield* orBroken(lookups.cfiAt(callee.module, callee.lookupAddress, !callee.interrupted));
  if (row instanceof MinidumpError) return failed(`the call frame information is broken: ${row.message}`);
  if (row === undefined) return failed('no call frame information here');
  if (row.outermost) return { kind: 'outermost', why: 'call frame information says that nobody called this' };
  if (row.leaf && !callee.interrupted)
    return failed('it has no unwind data, as a leaf, but called another function');
  return apply(step, row, rules.word * 8);
}

function apply(step: Step, row: CfiRow, bits: number): Attempt {
  const { rules } = step;
  const view = viewOf(step);
  const top = 1n << BigInt(bits);
  const evaluate = (rule: Rule, cfa: bigint | undefined) => {
    const value = rule(view, cfa);
    // Text rules are computed in 64 bits; what does not fit into a register of 32 is no value of it.
    return value === undefined || value < 0n || value >= top ? undefined : value;
  };
  const cfa = evaluate(row.cfa, undefined);
  if (cfa === undefined) return failed('the canonical frame address cannot be computed');
  const returnAddress = evaluate(row.returnAddress, cfa);
  if (returnAddress === undefined) return failed('the return address cannot be computed');
  const frameRegister = rules.frame(step.system);
  const registers = keptRegisters(step);
  let stack = cfa;
  for (const [name, rule] of row.registers) {
    const register = rules.aliases[name] ?? name;
    const value = evaluate(rule, cfa);
    if (register === rules.instruction) continue;
    if (register === rules.stack) {
      stack = value ?? cfa;
    } else if (value === undefined) {
      registers.delete(register);
    } else {
      const pointer = register === rules.link || register === frameRegister;
      registers.set(register, pointer ? stripped(step, value) : value);
    }
  }
  return {
    kind: 'found',
    trust: row.leaf ? 'leaf' : 'cfi',
    instruction: stripped(step, returnAddress),
    stack,
    registers,
    interrupted: row.signalFrame,
    note: `CFA ${hex(cfa)}${row.signalFrame ? ', a signal frame' : ''}${row.leaf ? ', a leaf' : ''}`,
  };
}

function viewOf(step: Step): FrameView {
  const { callee, rules, memory } = step;
  const bits = rules.word * 8;
  const limit = 1n << BigInt(bits);
  // The frame pointer technique only guesses the link register of the frame it finds (where its caller goes on). After a call that
  // register is not what the callee's CFI would mean by it.
  const hidden = callee.trust === 'frame_pointer' ? rules.link : undefined;
  return {
    register(name) {
      const register = rules.aliases[name] ?? name;
      return register === hidden ? undefined : callee.registers.get(register);
    },
    read(address, size) {
      return address < 0n || address + BigInt(size) > limit ? undefined : memory.read(address, size);
    },
  };
}
