/** Registers of a thread, as `CpuContext` has them. */
export interface Registers {
  readonly cpu: string;
  /** Undefined for one that the context does not hold. */
  register(name: string): bigint | undefined;
  readonly registerNames: readonly string[];
  readonly instructionPointer: bigint;
  readonly stackPointer: bigint;
}

interface PartOfRegister {
  /** The whole register in 64-bit mode, and in 32-bit mode. */
  wide: string;
  narrow: string;
  shift: bigint;
  bits: number;
}

const parts = new Map<string, PartOfRegister>();

function add(wide: string, narrow: string, names: readonly string[]): void {
  [64, 32, 16, 8].forEach((bits, i) => {
    parts.set(names[i]!, { wide, narrow, shift: 0n, bits });
  });
}

for (const letter of ['a', 'b', 'c', 'd']) {
  add(`r${letter}x`, `e${letter}x`, [`r${letter}x`, `e${letter}x`, `${letter}x`, `${letter}l`]);
  parts.set(`${letter}h`, { wide: `r${letter}x`, narrow: `e${letter}x`, shift: 8n, bits: 8 });
}
for (const name of ['si', 'di', 'bp', 'sp']) {
  add(`r${name}`, `e${name}`, [`r${name}`, `e${name}`, name, `${name}l`]);
}
for (let i = 8; i < 16; i++) add(`r${i}`, '', [`r${i}`, `r${i}d`, `r${i}w`, `r${i}b`]);

/** The value of a general register of x86 or amd64, or of a part of one (`eax`, `ah`, `r8d`). */
export function x86Register(registers: Registers, name: string): bigint | undefined {
  const part = parts.get(name);
  if (part === undefined) return undefined;
  const whole = registers.register(registers.cpu === 'amd64' ? part.wide : part.narrow);
  return whole === undefined ? undefined : BigInt.asUintN(part.bits, whole >> part.shift);
}

/** The general register that holds another: `rax` for `eax` and `al`. */
export function wholeRegister(cpu: string, name: string): string {
  const part = parts.get(name);
  return part === undefined ? name : cpu === 'amd64' ? part.wide : part.narrow;
}
