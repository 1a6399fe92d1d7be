import {
  CONTEXT_X86,
  encodeMemoryList,
  encodeString,
  encodeSystemInfo,
  encodeThreadList,
  encodeUnloadedModuleList,
  MINIDUMP_MAC_BOOTARGS,
  MINIDUMP_MAC_CRASH_INFO,
  MINIDUMP_MAC_CRASH_INFO_RECORD_5,
  MINIDUMP_SYSTEM_INFO,
  MINIDUMP_THREAD,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../../src/format/index.js';
import { DumpBuilder } from '../../reader/build-dump.js';
import { smallDump } from '../reports.js';

const zeros = (size: number) => new Uint8Array(size);

/**
 * The dump that `json-pretty-unloaded.snap` and `human-unloaded.snap` are of: rust-minidump's tests make it up when they run. One thread,
 * at an address from which modules were unloaded, some several times.
 */
export function unloadedDump(): Uint8Array {
  const builder = new DumpBuilder();
  const context = zeros(CONTEXT_X86.size);
  const field = (name: string) => CONTEXT_X86.fields.find((one) => one.name === name)!.offset;
  const view = new DataView(context.buffer);
  // CONTEXT_i386 with all parts: its maker sets every flag.
  view.setUint32(field('ContextFlags'), 0x1003f, true);
  view.setUint32(field('Eip'), 0xf00800, true);
  view.setUint32(field('Esp'), 0x1010, true);
  const stack = { StartOfMemoryRange: 0x1000n, Memory: builder.add(zeros(0x1000)) };
  const names = Object.fromEntries(
    ['many.dll', 'solo.dll', 'unused.dll'].map((name) => [name, builder.add(encodeString(name)).Rva]),
  );
  const modules = [
    ['unused.dll', 0xa003a0, 0x1000],
    ['many.dll', 0xf00000, 0x1000],
    ['solo.dll', 0xaf00220, 0x2000],
    ['many.dll', 0xf00100, 0x1000],
    ['many.dll', 0xf003a0, 0x1000],
    ['solo.dll', 0xf00220, 0x2000],
    ['solo.dll', 0xaf00220, 0x2000],
    ['many.dll', 0xf00000, 0x1000],
  ] as const;
  return builder
    .stream(
      StreamType.ThreadListStream,
      encodeThreadList([
        {
          ...MINIDUMP_THREAD.decode(zeros(MINIDUMP_THREAD.size)),
          ...{ ThreadId: 0x1234, Stack: stack, ThreadContext: builder.add(context) },
        },
      ]),
    )
    .stream(
      StreamType.SystemInfoStream,
      // A processor of family 6; of the system nothing is known.
      encodeSystemInfo({
        ...MINIDUMP_SYSTEM_INFO.decode(zeros(MINIDUMP_SYSTEM_INFO.size)),
        ...{ ProcessorLevel: 6, NumberOfProcessors: 1 },
      }),
    )
    .stream(
      StreamType.UnloadedModuleListStream,
      encodeUnloadedModuleList(
        modules.map(([name, base, size]) => ({
          ...{ BaseOfImage: BigInt(base), SizeOfImage: size, ModuleNameRva: names[name]! },
          ...{ CheckSum: 0x34571371, TimeDateStamp: 0xb1054d2a },
        })),
      ),
    )
    .stream(StreamType.MemoryListStream, encodeMemoryList([stack]))
    .build();
}

/** What only dumps of macOS have, and the corpus has none: records of libraries about the crash, and the kernel's arguments. */
export function macDump(): Uint8Array {
  const builder = smallDump({
    ...MINIDUMP_SYSTEM_INFO.decode(zeros(MINIDUMP_SYSTEM_INFO.size)),
    ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
    PlatformId: PlatformId.MD_OS_MAC_OS_X,
    ...{ MajorVersion: 14, MinorVersion: 2, BuildNumber: 1, NumberOfProcessors: 8 },
  });
  const texts = ['/usr/lib/system/libsystem_c.dylib', 'abort() called', 'signature', 'frames', 'more'];
  const numbers = {
    stream_type: BigInt(StreamType.MozMacosCrashInfoStream),
    ...{ version: 5n, thread: 0x1234n, dialog_mode: 2n, abort_cause: 0xdeadn },
  };
  const record = builder.add(
    new Uint8Array([
      ...MINIDUMP_MAC_CRASH_INFO_RECORD_5.encode(numbers),
      ...new TextEncoder().encode(texts.map((text) => `${text}\0`).join('')),
    ]),
  );
  const { Rva } = builder.add(encodeString('-v keepsyms=1'));
  return builder
    .stream(
      StreamType.MozMacosCrashInfoStream,
      MINIDUMP_MAC_CRASH_INFO.encode({
        stream_type: StreamType.MozMacosCrashInfoStream,
        record_count: 1,
        record_start_size: MINIDUMP_MAC_CRASH_INFO_RECORD_5.size,
        records: [record],
      }),
    )
    .stream(
      StreamType.MozMacosBootargsStream,
      MINIDUMP_MAC_BOOTARGS.encode({
        stream_type: StreamType.MozMacosBootargsStream,
        bootargs: BigInt(Rva),
      }),
    )
    .build();
}
