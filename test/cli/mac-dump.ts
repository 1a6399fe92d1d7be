import {
  CONTEXT_AMD64,
  CONTEXT_ARM64,
  encodeMemoryList,
  encodeModuleList,
  encodeString,
  encodeSystemInfo,
  encodeThreadList,
  MINIDUMP_MODULE,
  MINIDUMP_SYSTEM_INFO,
  MINIDUMP_THREAD,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../src/format/index.js';
import { codeViewOf } from '../analysis/expected/symbol-dump.js';
import type { PrintedRow } from '../object/macho/dwarfdump-frames.js';
import { DumpBuilder } from '../reader/build-dump.js';
import type { Dice } from '../unwind/made-up-dump.js';

const machines = {
  x86_64: {
    ...{ architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64, layout: CONTEXT_AMD64 },
    ...{ flags: 0x10000b, pc: 'rip', sp: 'rsp', fp: 'rbp', returnRegister: undefined },
    kept: ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'],
  },
  arm64: {
    ...{ architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_ARM64, layout: CONTEXT_ARM64 },
    ...{ flags: 0x400003, pc: 'pc', sp: 'sp', fp: 'fp', returnRegister: 'lr' },
    kept: ['x19', 'x20', 'x21', 'x22', 'x23', 'x24', 'x25', 'x26', 'x27', 'x28', 'fp'],
  },
} as const;

/** Where a thread is in a function, and how its frame looks there. */
export interface Place {
  /** As the file was linked. */
  readonly address: number;
  readonly row: PrintedRow;
}

/** A frame of the stack that was laid out: what an unwinder must find. */
export interface LaidFrame {
  readonly pc: bigint;
  readonly sp: bigint;
  /** Those that functions must keep. */
  readonly registers: Readonly<Record<string, bigint>>;
}

const zeros = (size: number) => new Uint8Array(size);
const STACK = 0x7ff7_b000_0000n;
const STACK_SIZE = 0x8000;

/**
 * Lays out the stack of a thread that is in one function, called by the next and so on: each register that a frame saves has a value of its
 * own there. Nobody called the last.
 */
function layOut(architecture: keyof typeof machines, places: readonly Place[], slide: bigint, dice: Dice) {
  const machine = machines[architecture];
  const stack = new DataView(new ArrayBuffer(STACK_SIZE));
  const sps = [STACK + 0x100n];
  const fps: (bigint | undefined)[] = [];
  for (const { row } of places) {
    const sp = sps.at(-1)!;
    const byFp = row.cfa.register === machine.fp;
    // The frame record lies where it likes.
    const base = byFp ? sp + 0x80n + BigInt(dice.below(16) * 16) : sp;
    fps.push(byFp ? base : undefined);
    sps.push(base + BigInt(row.cfa.offset));
  }
  // From the outermost inwards: what a frame saves is what its caller had.
  let registers: Record<string, bigint> = Object.fromEntries(
    machine.kept.map((name) => [name, BigInt(dice.below(2 ** 31))]),
  );
  let returnAddress = 0n;
  const frames: LaidFrame[] = [];
  for (let i = places.length - 1; i >= 0; i--) {
    const { address, row } = places[i]!;
    const cfa = sps[i + 1]!;
    const own = { ...registers };
    for (const [name, offset] of Object.entries(row.saved)) {
      const at = Number(cfa + BigInt(offset) - STACK);
      if (name === machine.pc || name === machine.returnRegister) stack.setBigUint64(at, returnAddress, true);
      else if (name in registers) {
        stack.setBigUint64(at, registers[name]!, true);
        own[name] = BigInt(dice.below(2 ** 31));
      }
    }
    own[machine.fp] = fps[i] ?? own[machine.fp]!;
    registers = own;
    const pc = BigInt(address) + slide;
    // A leaf has the return address where the call has put it.
    const isLeaf = i === 0 && machine.returnRegister !== undefined && !(machine.returnRegister in row.saved);
    const link = isLeaf ? { [machine.returnRegister]: returnAddress } : {};
    frames.unshift({ pc, sp: sps[i]!, registers: { ...own, ...link } });
    returnAddress = pc;
  }
  return { frames, stack: new Uint8Array(stack.buffer) };
}

/** A dump of macOS with one module and such a thread. */
export function macDump(
  architecture: keyof typeof machines,
  module: { path: string; uuid: string; linkBase: number; base: bigint; size: number },
  places: readonly Place[],
  dice: Dice,
): { dump: Uint8Array; frames: readonly LaidFrame[] } {
  const machine = machines[architecture];
  const { frames, stack } = layOut(architecture, places, module.base - BigInt(module.linkBase), dice);
  const context = zeros(machine.layout.size);
  const view = new DataView(context.buffer);
  const field = (name: string) =>
    machine.layout.fields.find((one) => one.name.toLowerCase() === name)!.offset;
  view.setUint32(field('contextflags'), machine.flags, true);
  const { pc, sp, registers } = frames[0]!;
  for (const [name, value] of Object.entries({ [machine.pc]: pc, [machine.sp]: sp, ...registers }))
    view.setBigUint64(field(name), value, true);
  const builder = new DumpBuilder();
  builder.stream(
    StreamType.SystemInfoStream,
    encodeSystemInfo({
      ...MINIDUMP_SYSTEM_INFO.decode(zeros(MINIDUMP_SYSTEM_INFO.size)),
      ...{ ProcessorArchitecture: machine.architecture, PlatformId: PlatformId.MD_OS_MAC_OS_X },
      ...{ MajorVersion: 14, NumberOfProcessors: 8, CSDVersionRva: builder.add(encodeString('23A344')).Rva },
    }),
  );
  builder.stream(
    StreamType.ModuleListStream,
    encodeModuleList([
      {
        ...MINIDUMP_MODULE.decode(zeros(MINIDUMP_MODULE.size)),
        ...{ BaseOfImage: module.base, SizeOfImage: module.size },
        ModuleNameRva: builder.add(encodeString(module.path)).Rva,
        CvRecord: builder.add(codeViewOf(`${module.uuid}0`, module.path)),
      },
    ]),
  );
  const memory = { StartOfMemoryRange: STACK, Memory: builder.add(stack) };
  const thread = {
    ...MINIDUMP_THREAD.decode(zeros(MINIDUMP_THREAD.size)),
    ...{ ThreadId: 259, Stack: memory, ThreadContext: builder.add(context) },
  };
  builder.stream(StreamType.ThreadListStream, encodeThreadList([thread]));
  builder.stream(StreamType.MemoryListStream, encodeMemoryList([memory]));
  return { dump: builder.build(), frames };
}
