import { expect, it } from 'vitest';
import { type Analysis, analyzeTask } from '../../src/analysis/index.js';
import {
  CONTEXT_AMD64,
  encodeSystemInfo,
  encodeThreadList,
  MINIDUMP_SYSTEM_INFO,
  MINIDUMP_THREAD,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../src/format/index.js';
import { BytesSource, runSync, type Source } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { DumpBuilder } from '../reader/build-dump.js';

const STACK = 0x7000_0000;

/** Frames that are linked by rbp, 16 bytes each, to the end of the stack. */
function linkedStack(start: number, size: number): Uint8Array {
  const words = new BigUint64Array(size / 8);
  for (let at = 0; at < words.length; at += 2) {
    words[at] = BigInt(start + at * 8 + 16);
    words[at + 1] = 0x40_1234n;
  }
  return new Uint8Array(words.buffer);
}

function contextAt(stack: number): Uint8Array {
  const context = new Uint8Array(CONTEXT_AMD64.size);
  const view = new DataView(context.buffer);
  const put = (name: string, value: bigint) =>
    view.setBigUint64(CONTEXT_AMD64.fields.find((field) => field.name === name)!.offset, value, true);
  view.setUint32(CONTEXT_AMD64.fields.find(({ name }) => name === 'ContextFlags')!.offset, 0x10000b, true);
  put('Rip', 0x40_1000n);
  put('Rsp', BigInt(stack));
  put('Rbp', BigInt(stack));
  return context;
}

function dumpOf(threads: number, stackSize: number, shared: boolean): Uint8Array {
  const builder = new DumpBuilder();
  builder.stream(
    StreamType.SystemInfoStream,
    encodeSystemInfo({
      ...MINIDUMP_SYSTEM_INFO.decode(new Uint8Array(MINIDUMP_SYSTEM_INFO.size)),
      ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
      PlatformId: PlatformId.MD_OS_LINUX,
    }),
  );
  const made = (i: number) => {
    const start = STACK + i * 2 * stackSize;
    return {
      Stack: { StartOfMemoryRange: BigInt(start), Memory: builder.add(linkedStack(start, stackSize)) },
      ThreadContext: builder.add(contextAt(start)),
    };
  };
  const first = made(0);
  const list = Array.from({ length: threads }, (_, i) => ({
    ...MINIDUMP_THREAD.decode(new Uint8Array(MINIDUMP_THREAD.size)),
    ThreadId: 100 + i,
    ...(shared || i === 0 ? first : made(i)),
  }));
  return builder.stream(StreamType.ThreadListStream, encodeThreadList(list)).build();
}

/** What is found, and how many bytes of the file were asked for. */
function analyzed(bytes: Uint8Array): { analysis: Analysis; read: number } {
  const file = new BytesSource(bytes);
  let read = 0;
  const counting: Source = {
    size: file.size,
    read(offset, length) {
      read += length;
      return file.read(offset, length);
    },
  };
  const analysis = runSync(analyzeTask(Minidump.openSync(counting)));
  return { analysis, read };
}

const framesIn = ({ threads }: Analysis) => threads.reduce((sum, { stack }) => sum + stack.frames.length, 0);

it('threads with stacks of their own are walked to the end', () => {
  const { analysis } = analyzed(dumpOf(50, 4096, false));
  // One a link, but the last, which leads out of the stack; that of the registers; and none that a scan would find.
  for (const { id, stack } of analysis.threads) expect([id, stack.frames.length]).toEqual([id, 256]);
});

it('a thousand threads that share one stack of 1 MiB cost what the file could hold, not a thousand stacks', () => {
  const threads = 1000;
  const bytes = dumpOf(threads, 1 << 20, true);
  const { analysis, read } = analyzed(bytes);
  expect(analysis.threads.length).toBe(threads);
  expect(analysis.threads[0]!.stack).toMatchObject({ end: 'too-many-frames', truncated: true });
  expect(analysis.threads[0]!.stack.frames.length).toBe(1024);
  // Each has its registers all the same.
  expect(Math.min(...analysis.threads.map(({ stack }) => stack.frames.length))).toBe(1);
  expect(framesIn(analysis)).toBeLessThan(bytes.length / 8 + threads + 1024);
  // The whole stacks would be 1 GiB; a context is read for each thread, and what the reader wants of the file.
  const contexts = threads * CONTEXT_AMD64.size;
  expect(read).toBeLessThan(6 * bytes.length + contexts);
});
