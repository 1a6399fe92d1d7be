import { MinidumpError, type Task } from '../io/index.js';
import type { CodeModule } from './lookups.js';
import {
  type Attempt,
  failed,
  hex,
  keptRegisters,
  mayBeReturnAddress,
  orBroken,
  readWord,
  type Step,
  stackPointer,
  stripped,
} from './technique.js';

/**
 * The caller of a leaf function: one that calls nobody, pushes nothing and saves nothing, and so has no call frame information. Its
 * return address is where the call left it. Only a function that was interrupted can be one.
 *
 * Breakpad does this for x64 Windows, and also where a module has no symbols. We do it only where there are symbols, so that the lack
 * of CFI says something of the function: without them rust-minidump's answer is as good a guess.
 */
export function* byLeafReturn<M extends CodeModule>(step: Step<M>): Task<Attempt> {
  const { callee, lookups, rules } = step;
  const stack = stackPointer(step);
  if (!callee.interrupted) return failed('it called another function');
  if (stack === undefined) return failed('the stack pointer is not known');
  if (callee.module === undefined) return failed('the instruction is in no module');
  const known = yield* orBroken(lookups.isCode(callee.module, callee.lookupAddress));
  if (known !== true) return failed('no symbols here');
  const row = yield* orBroken(lookups.cfiAt(callee.module, callee.lookupAddress));
  if (row !== undefined) {
    const what = row instanceof MinidumpError ? 'broken call frame information' : 'call frame information';
    return failed(`it has ${what}`);
  }
  const value = rules.link === undefined ? readWord(step, stack) : callee.registers.get(rules.link);
  if (value === undefined) return failed('the dump does not hold the return address');
  const returnAddress = rules.link === undefined ? value : stripped(step, value);
  if (!(yield* mayBeReturnAddress(step, returnAddress))) {
    return failed(`${hex(returnAddress)} is no return address`);
  }
  return {
    kind: 'found',
    trust: 'leaf',
    instruction: returnAddress,
    stack: rules.link === undefined ? stack + BigInt(rules.word) : stack,
    registers: keptRegisters(step),
    note: `return address ${hex(returnAddress)}`,
  };
}
