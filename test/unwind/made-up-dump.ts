import {
  CONTEXT_AMD64,
  CONTEXT_ARM64,
  CONTEXT_X86,
  encodeModuleList,
  encodeString,
  encodeSystemInfo,
  encodeThreadList,
  MDRawContextARM,
  MINIDUMP_MODULE,
  MINIDUMP_SYSTEM_INFO,
  MINIDUMP_THREAD,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../src/format/index.js';
import type { CfiRow, Rule, WindowsFrame } from '../../src/object/index.js';
import type { UnwindCpu } from '../../src/unwind/index.js';
import { DumpBuilder } from '../reader/build-dump.js';
import { reg, row, saved, value } from './scene.js';

/** Numbers from a seed: mulberry32. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const machines = {
  x86: {
    word: 4,
    architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL,
    layout: CONTEXT_X86,
    flags: ['ContextFlags', 0x10007],
    registers: { eip: 'Eip', esp: 'Esp', ebp: 'Ebp', ebx: 'Ebx', esi: 'Esi', edi: 'Edi' },
    ip: 'eip',
    sp: 'esp',
    fp: 'ebp',
  },
  amd64: {
    word: 8,
    architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
    layout: CONTEXT_AMD64,
    flags: ['ContextFlags', 0x10000b],
    registers: { rip: 'Rip', rsp: 'Rsp', rbp: 'Rbp', rbx: 'Rbx', r12: 'R12', r13: 'R13', r15: 'R15' },
    ip: 'rip',
    sp: 'rsp',
    fp: 'rbp',
  },
  arm: {
    word: 4,
    architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM,
    layout: MDRawContextARM,
    flags: ['context_flags', 0x40000006],
    registers: { pc: 15, sp: 13, lr: 14, r4: 4, r5: 5, r11: 11 },
    ip: 'pc',
    sp: 'sp',
    fp: 'r11',
  },
  arm64: {
    word: 8,
    architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64,
    layout: CONTEXT_ARM64,
    flags: ['ContextFlags', 0x400007],
    registers: { pc: 'Pc', sp: 'Sp', fp: 'Fp', lr: 'Lr', x19: 'X19', x28: 'X28' },
    ip: 'pc',
    sp: 'sp',
    fp: 'fp',
  },
} as const;

const systems = {
  windows: PlatformId.VER_PLATFORM_WIN32_NT,
  linux: PlatformId.MD_OS_LINUX,
} as const;

/** A module whose symbols have a function in each odd page but the last ones. */
export const madeUpModule = { base: 0x4000_0000n, size: 0x20000, name: 'one.pdb' };
const GUID_BYTE = 0x11;
export const madeUpIdentifier = `${'11'.repeat(16)}1`;

export interface MadeUpFunction {
  rva: number;
  size: number;
  parameterSize: number;
  cfi: CfiRow | undefined;
  windows: WindowsFrame | undefined;
  text: string[];
}

const hex = (number: number) => number.toString(16);

/** A rule in both forms. */
interface BothWays {
  text: string;
  rule: Rule;
}

/** Functions, and the .sym file that has them. */
export function makeUpFunctions(cpu: UnwindCpu, dice: Dice): MadeUpFunction[] {
  const machine = machines[cpu];
  const { word } = machine;
  // As dump_syms writes them.
  const textName = (name: string) =>
    cpu === 'arm64' ? ({ fp: 'x29', lr: 'x30' }[name] ?? name) : name === 'r11' ? 'fp' : name;
  const register = (name: string, offset: number): BothWays => ({
    text: offset === 0 ? textName(name) : `${textName(name)} ${offset} +`,
    rule: reg(name, BigInt(offset)),
  });
  const load = (words: number): BothWays => ({
    text: `.cfa ${words * word} - ^`,
    rule: saved(BigInt(-words * word), word),
  });
  const constant = (number: number): BothWays => ({ text: String(number), rule: value(BigInt(number)) });
  return Array.from({ length: 14 }, (_, i) => {
    const rva = 0x1000 + i * 0x2000;
    const made: MadeUpFunction = {
      ...{ rva, size: 0x800, parameterSize: dice.below(3) * word, cfi: undefined, windows: undefined },
      text: [],
    };
    made.text.push(`FUNC ${hex(rva)} 800 ${hex(made.parameterSize)} f${i}`);
    if (dice.chance(50)) {
      const cfa = dice.chance(70)
        ? register(machine.sp, dice.below(12) * word)
        : register(machine.fp, (1 + dice.below(3)) * word);
      // From memory or lr, never a constant: rust-minidump has no limit of frames, and would climb to the end of all addresses.
      const returnAddress =
        'lr' in machine.registers && dice.chance(30) ? register('lr', 0) : load(1 + dice.below(2));
      const rules: Record<string, BothWays> = {};
      for (const name of Object.keys(machine.registers)) {
        // After a frame pointer rust-minidump carries x29 on only if a rule does: it does not see that it is the fp that it keeps.
        const needed = cpu === 'arm64' && name === 'fp';
        if (name === machine.ip || name === machine.sp || (!needed && dice.chance(60))) continue;
        // Where a rule for x29 fails it forgets that, but not fp, for the same reason: the rules for it here cannot fail.
        rules[name] = needed
          ? dice.pick([constant(8), register(machine.fp, 0), register(machine.sp, dice.below(20) * word)])
          : dice.pick([
              load(1 + dice.below(4)),
              name === 'lr' ? constant(8) : load(0x1000),
              constant(dice.below(0x10000)),
              register(machine.fp, 8),
            ]);
      }
      made.cfi = row(
        cfa.rule,
        returnAddress.rule,
        Object.fromEntries(Object.entries(rules).map(([name, { rule }]) => [name, rule])),
      );
      const texts = Object.entries(rules).map(([name, { text }]) => `${textName(name)}: ${text}`);
      made.text.push(
        `STACK CFI INIT ${hex(rva)} 800 .cfa: ${cfa.text} .ra: ${returnAddress.text} ${texts.join(' ')}`.trim(),
      );
    }
    if (cpu === 'x86' && dice.chance(60)) {
      const program = dice.pick([
        undefined,
        '$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =',
        '$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =',
        '$T0 .raSearchStart = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ = $esi .cbSavedRegs =',
        '$T0 $esp 16 @ = $eip .raSearch ^ = $esp .raSearchStart 4 + = $edi .cbCalleeParams .cbParams * =',
        '$T0 $ebp 3 @ = $eip $T0 ^ =',
        '$eip $esp .cbLocals + ^ =$esp $esp .cbLocals 2 * + 4 + 5 % $esp + 4 + = $ebp .undef =',
      ]);
      made.windows = {
        ...{ start: rva, size: 0x800, prologSize: 0, epilogSize: 0, parameterSize: made.parameterSize },
        ...{ savedRegisterSize: dice.below(3) * 4, localSize: dice.below(4) * 4, maxStackSize: 0, program },
        allocatesBasePointer: program === undefined && dice.chance(50),
      };
      const { parameterSize, savedRegisterSize, localSize, allocatesBasePointer } = made.windows;
      const sizes = [parameterSize, savedRegisterSize, localSize, 0].map(hex).join(' ');
      made.text.push(
        program === undefined
          ? `STACK WIN 0 ${hex(rva)} 800 0 0 ${sizes} 0 ${Number(allocatesBasePointer)}`
          : `STACK WIN 4 ${hex(rva)} 800 0 0 ${sizes} 1 ${program}`,
      );
    }
    return made;
  });
}

export function symbolFile(cpu: UnwindCpu, functions: readonly MadeUpFunction[]): string {
  const arch = cpu === 'amd64' ? 'x86_64' : cpu;
  const lines = functions.flatMap(({ text }) => text);
  const order = ['FUNC', 'STACK WIN', 'STACK CFI'];
  const sorted = order.flatMap((kind) => lines.filter((line) => line.startsWith(kind)));
  return `${[`MODULE windows ${arch} ${madeUpIdentifier} one.pdb`, ...sorted].join('\n')}\n`;
}

/** A dump with one module and many threads, whose stacks and registers are thrown by dice that like return addresses and frames. */
export function makeUpDump(
  cpu: UnwindCpu,
  system: keyof typeof systems,
  threads: number,
  dice: Dice,
): Uint8Array {
  const machine = machines[cpu];
  const { word } = machine;
  const builder = new DumpBuilder();
  const zeros = (size: number) => new Uint8Array(size);
  builder.stream(
    StreamType.SystemInfoStream,
    encodeSystemInfo({
      ...MINIDUMP_SYSTEM_INFO.decode(zeros(MINIDUMP_SYSTEM_INFO.size)),
      ...{ ProcessorArchitecture: machine.architecture, PlatformId: systems[system], NumberOfProcessors: 1 },
      CSDVersionRva: builder.add(encodeString('')).Rva,
    }),
  );
  const codeView = new Uint8Array([
    ...new TextEncoder().encode('RSDS'),
    ...Array<number>(16).fill(GUID_BYTE),
    ...[1, 0, 0, 0],
    ...new TextEncoder().encode('one.pdb\0'),
  ]);
  builder.stream(
    StreamType.ModuleListStream,
    encodeModuleList([
      {
        ...MINIDUMP_MODULE.decode(zeros(MINIDUMP_MODULE.size)),
        ...{ BaseOfImage: madeUpModule.base, SizeOfImage: madeUpModule.size },
        ModuleNameRva: builder.add(encodeString(madeUpModule.name)).Rva,
        CvRecord: builder.add(codeView),
      },
    ]),
  );
  const list = Array.from({ length: threads }, (_, i) => {
    const stackAt = 0x8000_0000 + i * 0x10000;
    const words = 20 + dice.below(200);
    const inStack = () => stackAt + dice.below(words) * word;
    // Never the start of a range of CFI: there rust-minidump lets CFI use an lr that the frame pointer led to.
    const inCode = () => 0x4000_1000 + dice.below(15) * 0x2000 + 0x40 + dice.below(0x900);
    const bytes = zeros(words * word);
    const view = new DataView(bytes.buffer);
    const put = (at: number, number: number) => {
      if (at < 0 || at + word > bytes.length) return;
      view.setUint32(at, number, true);
      if (word === 8) view.setUint32(at + 4, cpu === 'arm64' && dice.chance(3) ? 0x230000 : 0, true);
    };
    for (let at = 0; at < words; at++) {
      const kind = dice.below(100);
      put(at * word, kind < 15 ? inCode() : kind < 30 ? inStack() : kind < 60 ? 0 : dice.below(0x10000));
    }
    // Some frames that are linked as they should be.
    for (let at = dice.below(10); dice.chance(80) && at < words; ) {
      const next = at + 2 + dice.below(20);
      put(at * word, stackAt + next * word);
      put((at + 1) * word, inCode());
      at = next;
    }
    const context = zeros(machine.layout.size);
    const contextView = new DataView(context.buffer);
    const fieldAt = (name: string) => machine.layout.fields.find((field) => field.name === name)!.offset;
    const [flagsField, flags] = machine.flags;
    contextView.setUint32(fieldAt(flagsField), flags, true);
    for (const [name, field] of Object.entries(machine.registers) as [string, string | number][]) {
      const offset = typeof field === 'number' ? fieldAt('iregs') + 4 * field : fieldAt(field);
      let number = dice.below(0x10000);
      if (name === machine.ip || name === 'lr') number = dice.chance(95) ? inCode() : number;
      else if (name === machine.sp) number = stackAt + dice.below(8) * word;
      else if (name === machine.fp) number = dice.chance(80) ? inStack() : dice.below(100) * 8;
      contextView.setUint32(offset, number, true);
    }
    return {
      ...MINIDUMP_THREAD.decode(zeros(MINIDUMP_THREAD.size)),
      ThreadId: 100 + i,
      Stack: { StartOfMemoryRange: BigInt(stackAt), Memory: builder.add(bytes) },
      ThreadContext: builder.add(context),
    };
  });
  builder.stream(StreamType.ThreadListStream, encodeThreadList(list));
  return builder.build();
}
