import { MinidumpError, type Task } from '../io/index.js';
import { windowsProgram } from '../object/breakpad/windows-program.js';
import type { WindowsFrame } from '../object/index.js';
import type { CodeModule } from './lookups.js';
import { type Attempt, failed, keptRegisters, orBroken, type Step } from './technique.js';

/** The caller by a STACK WIN record: frame data (a program) or FPO. For x86 alone; they speak of its registers. */
export function* byWindowsFrame<M extends CodeModule>(step: Step<M>): Task<Attempt> {
  const { callee, inner, lookups } = step;
  if (step.rules.word !== 4) return failed('STACK WIN records are of x86');
  if (callee.module === undefined) return failed('the instruction is in no module');
  const frame = yield* orBroken(lookups.windowsFrameAt(callee.module, callee.lookupAddress));
  if (frame instanceof MinidumpError) return failed(`the STACK WIN record is broken: ${frame.message}`);
  if (frame === undefined) return failed('no STACK WIN record here');
  let calleeParameterSize = 0;
  if (inner?.module !== undefined) {
    const size = yield* orBroken(lookups.parameterSizeAt(inner.module, inner.lookupAddress));
    if (typeof size === 'number') calleeParameterSize = size;
  }
  return run(step, frame, calleeParameterSize);
}

function run(step: Step, frame: WindowsFrame, calleeParameterSize: number): Attempt {
  const { callee, memory } = step;
  const register = (name: string) => {
    const value = callee.registers.get(name);
    return value === undefined ? undefined : Number(value);
  };
  const [eip, esp] = [register('eip'), register('esp')];
  if (eip === undefined || esp === undefined) return failed('the stack pointer is not known');
  const caller = windowsProgram(frame, {
    eip,
    esp,
    ebp: register('ebp'),
    ebx: register('ebx'),
    calleeParameterSize,
    isContextFrame: callee.trust === 'context',
    read: (address, size) => {
      const value = memory.read(BigInt(address), size);
      return value === undefined ? undefined : Number(value);
    },
  });
  const what = frame.program === undefined ? 'FPO record' : 'frame data';
  if (caller === undefined) return failed(`the ${what} does not lead to a caller`);
  // rust-minidump means to forget ebx, esi and edi where the record does not set them, but keeps them. A callee does keep them.
  const registers = keptRegisters(step);
  for (const name of ['ebp', 'ebx', 'esi', 'edi'] as const) {
    const value = caller[name];
    if (value !== undefined) registers.set(name, BigInt(value));
  }
  return {
    kind: 'found',
    trust: 'cfi',
    instruction: BigInt(caller.eip),
    stack: BigInt(caller.esp),
    registers,
    note: what,
  };
}
