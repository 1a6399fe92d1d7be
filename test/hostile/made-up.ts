import {
  CONTEXT_AMD64,
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
import { DumpBuilder } from '../reader/build-dump.js';

const STACK = 0x7fff_0000_0000n;
const MODULE = 0x40_0000n;

/** A Linux dump of amd64 with threads that all have the same registers, and one and the same stack full of return addresses. */
export function sharedStack(threads: number, stackWords: number): Uint8Array {
  const stack = new BigUint64Array(stackWords).map((_, i) => MODULE + 0x100n + BigInt(i % 64));
  const builder = new DumpBuilder();
  const memory = builder.add(new Uint8Array(stack.buffer));
  const context = builder.add(
    CONTEXT_AMD64.encode({
      ...CONTEXT_AMD64.decode(new Uint8Array(CONTEXT_AMD64.size)),
      ContextFlags: 0x10000b,
      Rip: MODULE + 0x50n,
      Rsp: STACK,
      Rbp: 0n,
    }),
  );
  const name = builder.add(encodeString('/bin/shared'));
  const system = MINIDUMP_SYSTEM_INFO.decode(new Uint8Array(MINIDUMP_SYSTEM_INFO.size));
  const thread = MINIDUMP_THREAD.decode(new Uint8Array(MINIDUMP_THREAD.size));
  const module = MINIDUMP_MODULE.decode(new Uint8Array(MINIDUMP_MODULE.size));
  return builder
    .stream(
      StreamType.SystemInfoStream,
      encodeSystemInfo({
        ...system,
        ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
        PlatformId: PlatformId.MD_OS_LINUX,
      }),
    )
    .stream(
      StreamType.ThreadListStream,
      encodeThreadList(
        Array.from({ length: threads }, (_, i) => ({
          ...thread,
          ThreadId: i + 1,
          Stack: { StartOfMemoryRange: STACK, Memory: memory },
          ThreadContext: context,
        })),
      ),
    )
    .stream(
      StreamType.ModuleListStream,
      encodeModuleList([{ ...module, BaseOfImage: MODULE, SizeOfImage: 0x1000, ModuleNameRva: name.Rva }]),
    )
    .build();
}
