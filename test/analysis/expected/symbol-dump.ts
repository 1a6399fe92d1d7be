import {
  CONTEXT_AMD64,
  CONTEXT_X86,
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
} from '../../../src/format/index.js';
import { DumpBuilder } from '../../reader/build-dump.js';
import type { Dice } from '../../unwind/made-up-dump.js';

const BASE = 0x4000_0000;
const zeros = (size: number) => new Uint8Array(size);
const hexadecimal = (text: string) => Number.parseInt(text, 16);

const machines = {
  x86: {
    ...{ architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_INTEL, word: 4 },
    ...{ layout: CONTEXT_X86, flags: 0x10007, ip: 'Eip', sp: 'Esp', fp: 'Ebp' },
  },
  x86_64: {
    ...{ architecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64, word: 8 },
    ...{ layout: CONTEXT_AMD64, flags: 0x10000b, ip: 'Rip', sp: 'Rsp', fp: 'Rbp' },
  },
} as const;

const platforms: Record<string, number> = {
  windows: PlatformId.VER_PLATFORM_WIN32_NT,
  linux: PlatformId.MD_OS_LINUX,
  mac: PlatformId.MD_OS_MAC_OS_X,
};

/** Where something begins or ends in a .sym file, and a byte before and behind: addresses of functions, lines, calls and symbols. */
function addressesIn(sym: string): number[] {
  const addresses = new Set<number>();
  const around = (start: number, size: number) => {
    for (const at of [start, start + size]) for (const by of [-1, 0, 1]) addresses.add(Math.max(0, at + by));
  };
  for (const line of sym.split(/\r?\n/)) {
    const [, start, size] = /^(?:FUNC (?:m )?|STACK CFI INIT )?([0-9a-f]+) ([0-9a-f]+) /.exec(line) ?? [];
    if (start !== undefined) around(hexadecimal(start), hexadecimal(size!));
    const [, at] = /^(?:PUBLIC (?:m )?|STACK CFI )([0-9a-f]+) /.exec(line) ?? [];
    if (at !== undefined) around(hexadecimal(at), 0);
    const [, ranges] = /^INLINE \d+ \d+ (?:\d+ )?\d+ ((?:[0-9a-f]+ [0-9a-f]+ ?)+)$/.exec(line) ?? [];
    for (const [, from, length] of ranges?.matchAll(/([0-9a-f]+) ([0-9a-f]+)/g) ?? [])
      around(hexadecimal(from!), hexadecimal(length!));
  }
  return [...addresses].sort((a, b) => a - b);
}

/** The GUID and the age of an identifier, as CodeView has them. */
export function codeViewOf(id: string, name: string): Uint8Array {
  const bytes = Buffer.from(id.slice(0, 32), 'hex');
  const [first, second, third] = [bytes.subarray(0, 4), bytes.subarray(4, 6), bytes.subarray(6, 8)];
  for (const part of [first, second, third]) part.reverse();
  const age = Buffer.alloc(4);
  age.writeUInt32LE(hexadecimal(id.slice(32)));
  return Buffer.concat([Buffer.from('RSDS'), bytes, age, Buffer.from(`${name}\0`)]);
}

/**
 * A dump of one module, the one that a .sym file is of, with threads at addresses that mean something there. With `stacks` the words on
 * their stacks are such addresses, places in the stack and small numbers.
 */
export function symbolDump(sym: string, threads: number, dice: Dice, { stacks = false } = {}): Uint8Array {
  const [, os, arch, id, name] = /^MODULE (\S+) (\S+) (\S+) (.*?)\r?\n/.exec(sym)!;
  const machine = machines[arch as keyof typeof machines];
  const { word } = machine;
  const addresses = addressesIn(sym);
  const inCode = () => BASE + dice.pick(addresses);
  const field = (of: string) => machine.layout.fields.find((one) => one.name === of)!.offset;
  const builder = new DumpBuilder();
  const platform = platforms[os!.toLowerCase()]!;
  builder.stream(
    StreamType.SystemInfoStream,
    encodeSystemInfo({
      ...MINIDUMP_SYSTEM_INFO.decode(zeros(MINIDUMP_SYSTEM_INFO.size)),
      ...{ ProcessorArchitecture: machine.architecture, PlatformId: platform, NumberOfProcessors: 1 },
      CSDVersionRva: builder.add(encodeString('')).Rva,
    }),
  );
  builder.stream(
    StreamType.ModuleListStream,
    encodeModuleList([
      {
        ...MINIDUMP_MODULE.decode(zeros(MINIDUMP_MODULE.size)),
        ...{ BaseOfImage: BigInt(BASE), SizeOfImage: addresses.at(-1)! + 0x1000 },
        ModuleNameRva: builder.add(encodeString(name!)).Rva,
        CvRecord: builder.add(codeViewOf(id!, name!)),
      },
    ]),
  );
  const list = Array.from({ length: threads }, (_, i) => {
    const stackAt = 0x8000_0000 + i * 0x10000;
    const words = stacks ? 100 : 1;
    const inStack = () => stackAt + dice.below(words) * word;
    const bytes = zeros(words * word);
    const stack = new DataView(bytes.buffer);
    for (let at = 0; stacks && at < words; at++) {
      const kind = dice.below(100);
      const value = kind < 40 ? inCode() : kind < 70 ? inStack() : dice.below(0x1000);
      stack.setUint32(at * word, value, true);
    }
    const context = zeros(machine.layout.size);
    const view = new DataView(context.buffer);
    view.setUint32(field('ContextFlags'), machine.flags, true);
    view.setUint32(field(machine.ip), inCode(), true);
    view.setUint32(field(machine.sp), stacks ? stackAt + dice.below(8) * word : stackAt, true);
    view.setUint32(field(machine.fp), stacks ? inStack() : 0, true);
    return {
      ...MINIDUMP_THREAD.decode(zeros(MINIDUMP_THREAD.size)),
      ThreadId: 100 + i,
      Stack: { StartOfMemoryRange: BigInt(stackAt), Memory: builder.add(bytes) },
      ThreadContext: builder.add(context),
    };
  });
  return builder.stream(StreamType.ThreadListStream, encodeThreadList(list)).build();
}
