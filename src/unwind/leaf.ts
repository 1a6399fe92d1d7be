import { MinidumpError, type Task } from '../io/index.js';
import type { CodeModule } from './lookups.js';
import {
  type Attempt,
  failed,
  hex,
  keptRegisters,
  LOWEST_INSTRUCTION,
  mayBeReturnAddress,
  orBroken,
  readWord,
  type Step,
  stackPointer,
  stripped,
} from './technique.js';

/**
 * The caller of a leaf function: one that calls nobody, pushes nothing and saves nothing, and so has no call frame information. Its
 * return address is where the call left it. Only a function that was interrupted can be one. A call of a null pointer is the same:
 * nothing ran there.
 *
 * Breakpad does this for x64 Windows, and also where a module has no symbols. We do it only where there are symbols, so that the lack
 * of CFI says something of the function: without them rust-minidump's answer is as good a guess.
 */
export function* byLeafReturn<M extends CodeModule>(step: Step<M>): Task<Attempt> {
  const { callee, rules } = step;
  const stack = stackPointer(step);
  if (!callee.interrupted) return failed('it called another function');
  if (stack === undefined) return failed('the stack pointer is not known');
  if (callee.instruction >= LOWEST_INSTRUCTION) {
    const why = yield* whyNoLeaf(step);
    if (why !== undefined) return failed(why);
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

function* whyNoLeaf<M extends CodeModule>({ callee, lookups }: Step<M>): Task<string | undefined> {
  const { module, lookupAddress } = callee;
  if (module === undefined) return 'the instruction is in no module';
  const known = yield* orBroken(lookups.isCode(module, lookupAddress));
  if (known !== true) return 'no symbols here';
  const row = yield* orBroken(lookups.cfiAt(module, lookupAddress, false));
  if (row instanceof MinidumpError) return 'it has broken call frame information';
  return row === undefined ? undefined : 'it has call frame information';
}
