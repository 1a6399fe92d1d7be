import type { CfiRow, Rule } from '../cfi.js';
import { EM_AARCH64, EM_ARM } from '../elf-machines.js';
import { evaluate } from './expression.js';
import type { Cie } from './frame-entry.js';
import type { RegisterRule, UnwindRow } from './frame-program.js';
import { registerName } from './register-names.js';

/** Machines whose calls leave the return address in a register. */
const LINK_REGISTERS: ReadonlySet<number> = new Set([EM_ARM, EM_AARCH64]);

/**
 * A row of DWARF as rules to apply; undefined where it does not say where the CFA is. The return address comes as it is
 * stored: on AArch64 it may be signed, and how many bits of it are an address only the unwinder knows.
 */
export function toCfiRow(
  row: UnwindRow,
  cie: Pick<Cie, 'returnAddressRegister' | 'signalFrame'>,
  machine: number,
  pointerSize: 4 | 8,
): CfiRow | undefined {
  const bits = pointerSize * 8;
  const context = { pointerSize, registerName: (number: number) => registerName(machine, number) };
  const fromRegister = (number: number, offset: number): Rule => {
    const name = registerName(machine, number);
    if (name === undefined) return () => undefined;
    const distance = BigInt(offset);
    return (frame) => {
      const value = frame.register(name);
      return value === undefined ? undefined : BigInt.asUintN(bits, value + distance);
    };
  };
  const memory = (where: Rule): Rule => {
    return (frame, cfa) => {
      const address = where(frame, cfa);
      return address === undefined ? undefined : frame.read(address, pointerSize);
    };
  };
  const fromCfa = (offset: number): Rule => {
    const distance = BigInt(offset);
    return (_frame, cfa) => (cfa === undefined ? undefined : BigInt.asUintN(bits, cfa + distance));
  };
  const computed = (expression: Uint8Array): Rule => {
    return (frame, cfa) => (cfa === undefined ? undefined : evaluate(expression, [cfa], frame, context));
  };
  const toRule = (number: number, rule: RegisterRule): Rule => {
    switch (rule.kind) {
      case 'undefined':
        return () => undefined;
      case 'same':
        return fromRegister(number, 0);
      case 'offset':
        return memory(fromCfa(rule.offset));
      case 'value-offset':
        return fromCfa(rule.offset);
      case 'register':
        return fromRegister(rule.register, 0);
      case 'expression':
        return memory(computed(rule.expression));
      case 'value-expression':
        return computed(rule.expression);
    }
  };

  const definition = row.cfa;
  if (definition === undefined) return undefined;
  const cfa: Rule =
    definition.kind === 'register'
      ? fromRegister(definition.register, definition.offset)
      : (frame) => evaluate(definition.expression, [], frame, context);
  const registers = new Map<string, Rule>();
  for (const [number, rule] of row.rules) {
    const name = registerName(machine, number);
    if (name === undefined) continue;
    registers.set(name, toRule(number, rule));
  }
  const returnRegister = cie.returnAddressRegister;
  const returnRule = row.rules.get(returnRegister);
  let returnAddress: Rule;
  if (returnRule) returnAddress = toRule(returnRegister, returnRule);
  // A link register without a rule still holds it: a leaf function of ARM. That of x86 is the instruction pointer itself.
  else if (LINK_REGISTERS.has(machine)) returnAddress = fromRegister(returnRegister, 0);
  else returnAddress = () => undefined;
  return {
    cfa,
    returnAddress,
    registers,
    signalFrame: cie.signalFrame,
    outermost: returnRule?.kind === 'undefined',
  };
}
