// A made-up dump of Linux x86-64 whose stacks lie in the module of the large .sym file of big-sym.js.
import { writeFileSync } from 'node:fs';
import { bigModule, frameSizeAt, generator } from './big-sym.js';
import { fromDist } from './dist.js';

const BASE = 0x7f10_0000_0000n;
const STACKS = 0x7ff0_0000_0000n;
/** Some CFI rules look for saved registers below the stack pointer. */
const BELOW = 1024;
/** mov rax, [rbx + rcx*4 + 0x10]: what the first thread crashed in. */
const CRASHED_IN = [0x48, 0x8b, 0x44, 0x8b, 0x10];
const SIGSEGV = 11;
const SEGV_MAPERR = 1;

/** Pieces of a file, one behind the other, and the directory of those that are streams. */
class Pieces {
  #bytes = [];
  #streams = [];
  #size;

  constructor(headerSize) {
    this.#size = headerSize;
  }

  add(bytes) {
    const location = { Rva: this.#size, DataSize: bytes.length };
    this.#bytes.push(bytes);
    this.#size += bytes.length;
    return location;
  }

  stream(StreamType, bytes) {
    this.#streams.push({ StreamType, Location: this.add(bytes) });
  }

  file({ MINIDUMP_HEADER, MINIDUMP_SIGNATURE, MINIDUMP_VERSION, encodeDirectory }) {
    const header = MINIDUMP_HEADER.encode({
      Signature: MINIDUMP_SIGNATURE,
      Version: MINIDUMP_VERSION,
      NumberOfStreams: this.#streams.length,
      StreamDirectoryRva: this.#size,
    });
    return Buffer.concat([header, ...this.#bytes, encodeDirectory(this.#streams)]);
  }
}

/** Where the instruction pointers of a stack are, the innermost first, and the bytes of the stack from `BELOW` under its stack pointer. */
function makeStack(functions, frames, random) {
  const places = Array.from({ length: frames }, () => {
    const one = functions[random(functions.length)];
    const offset = random(one.size);
    return { at: one.start + offset, frameSize: frameSizeAt(one, offset) };
  });
  const used = places.reduce((sum, { frameSize }) => sum + frameSize, 0);
  const bytes = Buffer.alloc(BELOW + used);
  let end = BELOW;
  places.forEach(({ frameSize }, i) => {
    end += frameSize;
    const caller = places[i + 1];
    // Tools look at the byte before a return address. The outermost function has none.
    if (caller) bytes.writeBigUInt64LE(BASE + BigInt(caller.at) + 1n, end - 8);
  });
  return { instruction: BASE + BigInt(places[0].at), bytes };
}

/** Writes a dump with so many threads and frames a thread. `functions` is what `writeBigSym` returned. */
export async function writeBigDump(path, functions, { threads = 10, frames = 20, seed = 3 } = {}) {
  const format = await fromDist('format/index.js');
  const { CodeViewSignature, PlatformId, ProcessorArchitecture, StreamType } = format;
  const zero = (layout) => layout.decode(new Uint8Array(layout.size));
  const random = generator(seed);
  const pieces = new Pieces(format.MINIDUMP_HEADER.size);
  const text = (value) => pieces.add(format.encodeString(value)).Rva;
  const stacks = Array.from({ length: threads }, () => makeStack(functions, frames, random));

  pieces.stream(
    StreamType.SystemInfoStream,
    format.encodeSystemInfo({
      ...zero(format.MINIDUMP_SYSTEM_INFO),
      ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
      PlatformId: PlatformId.MD_OS_LINUX,
      NumberOfProcessors: 2,
      CSDVersionRva: text('Linux 6.1.0 x86_64'),
    }),
  );

  const guid = format.CV_INFO_PDB70.decode(new Uint8Array(format.CV_INFO_PDB70.size));
  const [, one, two, three, rest] = /^(.{8})(.{4})(.{4})(.{16})0$/.exec(bigModule.id);
  const codeView = format.CV_INFO_PDB70.encode({
    ...guid,
    CvSignature: CodeViewSignature.RSDS,
    Signature: {
      Data1: Number.parseInt(one, 16),
      Data2: Number.parseInt(two, 16),
      Data3: Number.parseInt(three, 16),
      Data4: Buffer.from(rest, 'hex'),
    },
    Age: 0,
  });
  const last = functions.at(-1);
  pieces.stream(
    StreamType.ModuleListStream,
    format.encodeModuleList([
      {
        ...zero(format.MINIDUMP_MODULE),
        BaseOfImage: BASE,
        SizeOfImage: Math.ceil((last.start + last.size) / 4096) * 4096,
        ModuleNameRva: text(`/opt/big/lib/${bigModule.name}`),
        CvRecord: pieces.add(Buffer.concat([codeView, Buffer.from(`${bigModule.name}\0`)])),
      },
    ]),
  );

  const memory = [{ StartOfMemoryRange: stacks[0].instruction, Memory: pieces.add(Buffer.from(CRASHED_IN)) }];
  const list = stacks.map(({ instruction, bytes }, i) => {
    const start = STACKS + BigInt(i) * 0x80_0000n;
    const Stack = { StartOfMemoryRange: start, Memory: pieces.add(bytes) };
    memory.push(Stack);
    const ThreadContext = pieces.add(
      format.CONTEXT_AMD64.encode({
        ...zero(format.CONTEXT_AMD64),
        ContextFlags: 0x10000b,
        Rip: instruction,
        Rsp: start + BigInt(BELOW),
      }),
    );
    return { ...zero(format.MINIDUMP_THREAD), ThreadId: 100 + i, Stack, ThreadContext };
  });
  pieces.stream(StreamType.ThreadListStream, format.encodeThreadList(list));
  pieces.stream(StreamType.MemoryListStream, format.encodeMemoryList(memory));
  pieces.stream(
    StreamType.ExceptionStream,
    format.encodeException({
      ...zero(format.MINIDUMP_EXCEPTION_STREAM),
      ThreadId: list[0].ThreadId,
      ExceptionRecord: {
        ...zero(format.MINIDUMP_EXCEPTION),
        ExceptionCode: SIGSEGV,
        ExceptionFlags: SEGV_MAPERR,
        ExceptionAddress: 0x10n,
      },
      ThreadContext: list[0].ThreadContext,
    }),
  );
  writeFileSync(path, pieces.file(format));
}
