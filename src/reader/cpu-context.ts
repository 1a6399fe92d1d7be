import {
  CONTEXT_AMD64,
  CONTEXT_ARM,
  CONTEXT_ARM64,
  CONTEXT_X86,
  ContextCpu,
  MDRawContextARM,
  MDRawContextARM64_Old,
  MDRawContextMIPS,
  MDRawContextPPC,
  MDRawContextPPC64,
  MDRawContextRISCV,
  MDRawContextRISCV64,
  MDRawContextSPARC,
  malformed,
  ProcessorArchitecture,
  type ValueOf,
} from '../format/index.js';

/** A register: its usual name, the field that holds it, and its number where the field is an array. */
type Register = readonly [name: string, field: string, number?: number];

/** The same name as the field's, in lower case. */
function named(...fields: string[]): Register[] {
  return fields.map((field) => [field.toLowerCase(), field]);
}

/** Names by number, as the elements of one field. */
function numbered(field: string, ...names: string[]): Register[] {
  return names.map((name, i) => [name, field, i]);
}

function sequence(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

const riscv: Register[] = named(
  ...['pc', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', ...sequence('a', 8)],
  ...['s2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'],
);

/** Every context that is found in dumps: whose it is, how it is told from others, and its general registers. */
const kinds = {
  x86: {
    cpu: 'x86',
    layout: CONTEXT_X86,
    flags: ContextCpu.CONTEXT_i386,
    flagsField: 'ContextFlags',
    registers: named('Eip', 'Esp', 'Ebp', 'Ebx', 'Esi', 'Edi', 'Eax', 'Ecx', 'Edx', 'EFlags'),
    ip: 'eip',
    sp: 'esp',
  },
  amd64: {
    cpu: 'amd64',
    layout: CONTEXT_AMD64,
    flags: ContextCpu.CONTEXT_AMD64,
    flagsField: 'ContextFlags',
    registers: named(
      ...['Rax', 'Rdx', 'Rcx', 'Rbx', 'Rsi', 'Rdi', 'Rbp', 'Rsp', 'R8', 'R9', 'R10', 'R11', 'R12'],
      ...['R13', 'R14', 'R15', 'Rip'],
    ),
    ip: 'rip',
    sp: 'rsp',
  },
  arm: {
    cpu: 'arm',
    layout: CONTEXT_ARM,
    flags: ContextCpu.CONTEXT_ARM,
    flagsField: 'ContextFlags',
    registers: named(...sequence('R', 13), 'Sp', 'Lr', 'Pc', 'Cpsr'),
    ip: 'pc',
    sp: 'sp',
  },
  'arm-breakpad': {
    cpu: 'arm',
    layout: MDRawContextARM,
    flags: ContextCpu.CONTEXT_BREAKPAD_ARM,
    flagsField: 'context_flags',
    registers: [...numbered('iregs', ...sequence('r', 13), 'sp', 'lr', 'pc'), ['cpsr', 'cpsr']],
    ip: 'pc',
    sp: 'sp',
  },
  arm64: {
    cpu: 'arm64',
    layout: CONTEXT_ARM64,
    flags: ContextCpu.CONTEXT_ARM64,
    flagsField: 'ContextFlags',
    registers: named(...sequence('X', 29), 'Fp', 'Lr', 'Sp', 'Pc'),
    ip: 'pc',
    sp: 'sp',
  },
  'arm64-old': {
    cpu: 'arm64',
    layout: MDRawContextARM64_Old,
    flags: ContextCpu.CONTEXT_ARM64_OLD,
    flagsField: 'context_flags',
    registers: numbered('iregs', ...sequence('x', 29), 'fp', 'lr', 'sp', 'pc'),
    ip: 'pc',
    sp: 'sp',
  },
  ppc: {
    cpu: 'ppc',
    layout: MDRawContextPPC,
    flags: ContextCpu.CONTEXT_PPC,
    flagsField: 'context_flags',
    registers: [...named('srr0', 'srr1', 'lr', 'ctr'), ...numbered('gpr', ...sequence('r', 32))],
    ip: 'srr0',
    sp: 'r1',
  },
  ppc64: {
    cpu: 'ppc64',
    layout: MDRawContextPPC64,
    flags: ContextCpu.CONTEXT_PPC64,
    flagsField: 'context_flags',
    registers: [...named('srr0', 'srr1', 'lr', 'ctr'), ...numbered('gpr', ...sequence('r', 32))],
    ip: 'srr0',
    sp: 'r1',
  },
  mips: {
    cpu: 'mips',
    layout: MDRawContextMIPS,
    flags: ContextCpu.CONTEXT_MIPS,
    flagsField: 'context_flags',
    registers: [
      ['pc', 'epc'],
      ...numbered(
        'iregs',
        ...['zero', 'at', 'v0', 'v1', 'a0', 'a1', 'a2', 'a3', ...sequence('t', 8), ...sequence('s', 8)],
        ...['t8', 't9', 'k0', 'k1', 'gp', 'sp', 'fp', 'ra'],
      ),
    ],
    ip: 'pc',
    sp: 'sp',
  },
  mips64: {
    cpu: 'mips64',
    layout: MDRawContextMIPS,
    flags: ContextCpu.CONTEXT_MIPS64,
    flagsField: 'context_flags',
    registers: [
      ['pc', 'epc'],
      ...numbered(
        'iregs',
        ...['zero', 'at', 'v0', 'v1', ...sequence('a', 8), 't4', 't5', 't6', 't7', ...sequence('s', 8)],
        ...['t8', 't9', 'k0', 'k1', 'gp', 'sp', 'fp', 'ra'],
      ),
    ],
    ip: 'pc',
    sp: 'sp',
  },
  riscv: {
    cpu: 'riscv',
    layout: MDRawContextRISCV,
    flags: ContextCpu.CONTEXT_RISCV,
    flagsField: 'context_flags',
    registers: riscv,
    ip: 'pc',
    sp: 'sp',
  },
  riscv64: {
    cpu: 'riscv64',
    layout: MDRawContextRISCV64,
    flags: ContextCpu.CONTEXT_RISCV64,
    flagsField: 'context_flags',
    registers: riscv,
    ip: 'pc',
    sp: 'sp',
  },
  sparc: {
    cpu: 'sparc',
    layout: MDRawContextSPARC,
    flags: ContextCpu.CONTEXT_SPARC,
    flagsField: 'context_flags',
    registers: [
      ...named('pc', 'npc'),
      ...numbered('g_r', ...sequence('g', 8), ...sequence('o', 8), ...sequence('l', 8), ...sequence('i', 8)),
    ],
    ip: 'pc',
    sp: 'o6',
  },
} as const satisfies Record<string, Kind>;

/** What the table above says of a context. */
interface Kind {
  cpu: string;
  layout: {
    readonly size: number;
    readonly fields: readonly { name: string; offset: number; layout: { name: string; size: number } }[];
    decode(bytes: Uint8Array, offset?: number, littleEndian?: boolean): unknown;
  };
  /** The bits of its flags that no other CPU's contexts have. */
  flags: number;
  flagsField: string;
  registers: readonly Register[];
  ip: string;
  sp: string;
}

export type ContextKind = keyof typeof kinds;
export type Cpu = (typeof kinds)[ContextKind]['cpu'];
/** The structure that a kind of context has in the file. */
export type ContextRegisters<K extends ContextKind = ContextKind> = ValueOf<(typeof kinds)[K]['layout']>;

const architectures: Readonly<Record<number, readonly ContextKind[]>> = {
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL]: ['x86'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_IA32_ON_WIN64]: ['x86'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64]: ['amd64'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM]: ['arm', 'arm-breakpad'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM32_ON_WIN64]: ['arm'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64]: ['arm64', 'arm64-old'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64_OLD]: ['arm64-old', 'arm64'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_PPC]: ['ppc'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_PPC64]: ['ppc64'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_MIPS]: ['mips'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_MIPS64]: ['mips64'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_RISCV]: ['riscv'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_RISCV64]: ['riscv64'],
  [ProcessorArchitecture.PROCESSOR_ARCHITECTURE_SPARC]: ['sparc'],
};

/** The long ones first: the start of another may look like the flags of a short one. */
const allKinds = (Object.keys(kinds) as ContextKind[]).sort(
  (a, b) => kinds[b].layout.size - kinds[a].layout.size,
);

/** The CPU that a dump is from, if its contexts are known. */
export function cpuOfArchitecture(architecture: number): Cpu | undefined {
  const kind = architectures[architecture]?.[0];
  return kind && kinds[kind].cpu;
}

const offsets = new Map<ContextKind, ReadonlyMap<string, { offset: number; size: number }>>();

/** Where the general registers of a kind of context are; worked out when it is first needed. */
function registerOffsets(kind: ContextKind): ReadonlyMap<string, { offset: number; size: number }> {
  const known = offsets.get(kind);
  if (known) return known;
  const { layout, registers }: Kind = kinds[kind];
  const places = new Map<string, { offset: number; size: number }>();
  for (const [name, fieldName, number] of registers) {
    const field = layout.fields.find((one) => one.name === fieldName)!;
    const size = /^u64/.test(field.layout.name) ? 8 : 4;
    places.set(name, { offset: field.offset + (number ?? 0) * size, size });
  }
  offsets.set(kind, places);
  return places;
}

function carriesFlags(kind: ContextKind, bytes: Uint8Array, littleEndian: boolean): boolean {
  const { layout, flags, flagsField }: Kind = kinds[kind];
  if (bytes.length < layout.size) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const field = layout.fields.find(({ name }) => name === flagsField)!;
  // In 64 bits of flags the low 32 come last in a big-endian dump.
  const low = field.offset + (littleEndian || field.layout.size === 4 ? 0 : 4);
  // Above 0x04000000 Windows has bits of its own, in the contexts of every CPU (CONTEXT_UNWOUND_TO_CALL and others).
  const mask = flags < 0x08000000 ? 0x07ff0000 : 0xffff0000;
  return (view.getUint32(low, littleEndian) & mask) >>> 0 === flags;
}

/** The registers of a thread. What is asked for is read from `bytes` then. */
export class CpuContext<K extends ContextKind = ContextKind> {
  /** Which structure it is. */
  readonly kind: K;
  /** All of the context as it is in the file, what follows the structure included. */
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  #registers: ContextRegisters<K> | undefined;

  constructor(kind: K, bytes: Uint8Array, littleEndian = true) {
    this.kind = kind;
    this.bytes = bytes;
    this.littleEndian = littleEndian;
  }

  /** Narrows the type of `registers`. */
  is<Wanted extends ContextKind>(kind: Wanted): this is CpuContext<Wanted> {
    return (this.kind as ContextKind) === kind;
  }

  get cpu(): (typeof kinds)[K]['cpu'] {
    return kinds[this.kind].cpu;
  }

  /** The whole structure: CONTEXT or MDRawContext* of this CPU. */
  get registers(): ContextRegisters<K> {
    this.#registers ??= kinds[this.kind].layout.decode(
      this.bytes,
      0,
      this.littleEndian,
    ) as ContextRegisters<K>;
    return this.#registers;
  }

  /** A general register by its usual name (`rip`, `x0`, `sp`), whatever the structure calls it. */
  register(name: string): bigint | undefined {
    const place = registerOffsets(this.kind).get(name);
    if (!place) return undefined;
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return place.size === 8
      ? view.getBigUint64(place.offset, this.littleEndian)
      : BigInt(view.getUint32(place.offset, this.littleEndian));
  }

  /** The names of the general registers, in the order in which they are usually shown. */
  get registerNames(): string[] {
    return [...registerOffsets(this.kind).keys()];
  }

  get instructionPointer(): bigint {
    return this.register(kinds[this.kind].ip)!;
  }

  get stackPointer(): bigint {
    return this.register(kinds[this.kind].sp)!;
  }

  /**
   * What follows the structure: on Windows, with CONTEXT_XSTATE in its flags, a CONTEXT_EX and the XSAVE area it tells
   * of.
   */
  get extended(): Uint8Array {
    return this.bytes.subarray(kinds[this.kind].layout.size);
  }

  toJSON(): object {
    return { cpu: this.cpu, kind: this.kind, registers: this.registers, extended: this.extended };
  }
}

/**
 * Tells what a context is. The architecture of the dump decides; where it has two layouts the flags and then the size do;
 * where it is unknown or has a context that is too long for these bytes (a 32-bit process seen by a 64-bit dumper), the
 * flags.
 */
export function decodeContext(
  bytes: Uint8Array,
  architecture: number | undefined,
  littleEndian = true,
): CpuContext {
  const expected = architectures[architecture ?? -1] ?? [];
  const kind =
    expected.find((one) => carriesFlags(one, bytes, littleEndian)) ??
    expected.find((one) => bytes.length >= kinds[one].layout.size) ??
    allKinds.find((one) => carriesFlags(one, bytes, littleEndian));
  if (!kind) {
    const sizes = (expected.length > 0 ? expected : allKinds).map((one) => kinds[one].layout.size);
    throw malformed('context', `one of ${Math.min(...sizes)} bytes or more`, `${bytes.length} bytes`);
  }
  return new CpuContext(kind, bytes, littleEndian);
}
