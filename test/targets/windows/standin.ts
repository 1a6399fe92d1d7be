/** The stand-in for DbgHelp (test/programs/windows/standin.c): how it is built and what it recorded. */
import { readFileSync } from 'node:fs';
import { type MeasuredField, readLayouts } from '../../format/layouts-json.js';
import { compileWindows } from '../../support/wine.js';

/** Whose structures the stand-in has: those of genuine DbgHelp, or those of a DLL that mingw's gcc built. */
export type Compiler = 'msvc' | 'gcc';

const structures = [
  'CONTEXT',
  'EXCEPTION_POINTERS',
  'EXCEPTION_RECORD',
  'MINIDUMP_CALLBACK_INFORMATION',
  'MINIDUMP_CALLBACK_INPUT',
  'MINIDUMP_CALLBACK_OUTPUT',
  'MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK',
  'MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK',
  'MINIDUMP_DIRECTORY',
  'MINIDUMP_EXCEPTION_INFORMATION',
  'MINIDUMP_HEADER',
  'MINIDUMP_INCLUDE_MODULE_CALLBACK',
  'MINIDUMP_INCLUDE_THREAD_CALLBACK',
  'MINIDUMP_IO_CALLBACK',
  'MINIDUMP_MEMORY_INFO',
  'MINIDUMP_MODULE_CALLBACK',
  'MINIDUMP_READ_MEMORY_FAILURE_CALLBACK',
  'MINIDUMP_THREAD_CALLBACK',
  'MINIDUMP_THREAD_EX_CALLBACK',
  'MINIDUMP_USER_STREAM',
  'MINIDUMP_USER_STREAM_INFORMATION',
  'MINIDUMP_VM_POST_READ_CALLBACK',
  'MINIDUMP_VM_PRE_READ_CALLBACK',
  'MINIDUMP_VM_QUERY_CALLBACK',
] as const;
type StructureName = (typeof structures)[number];

/** Where the field is and how long the structure is, as that compiler has it on x64. */
export function measured(compiler: Compiler, structure: StructureName) {
  const { size, fields, ...more } = readLayouts().x86_64[structure]!;
  const offsets: Record<string, number> = {};
  for (const [name, field] of Object.entries(fields)) {
    const { offset, gcc_offset } = field as MeasuredField & { gcc_offset?: number };
    offsets[name] = compiler === 'gcc' ? (gcc_offset ?? offset) : offset;
  }
  const { gcc_size } = more as { gcc_size?: number };
  return { size: compiler === 'gcc' ? (gcc_size ?? size) : size, offsets };
}

/** The path of the DLL. */
export function compileStandin(compiler: Compiler): Promise<string> {
  const flags = structures.flatMap((structure) => {
    const { size, offsets } = measured(compiler, structure);
    const fields = Object.entries(offsets).map(([name, offset]) => `-DOFFSET_${structure}_${name}=${offset}`);
    return [`-DSIZE_${structure}=${size}`, ...fields];
  });
  return compileWindows('standin.c', ['-shared', ...flags]);
}

/** A callback as the stand-in made it. */
export interface RecordedCallback {
  kind: 'callback';
  type: number;
  /** MINIDUMP_CALLBACK_INPUT as the callback got it. */
  input: Buffer;
  /** All bytes of MINIDUMP_CALLBACK_OUTPUT; 0xcd where the stand-in put nothing. */
  before: Buffer;
  after: Buffer;
  /** What Buffer of Io, VmPreRead or VmPostRead named. */
  blockBefore?: Buffer;
  blockAfter?: Buffer;
  /** The BOOL. */
  answer: number;
  /** 1 if the input was as it had been. */
  inputKept: number;
  thread: number;
}

export interface StandinRecord {
  call: {
    process: bigint;
    pid: number;
    file: bigint;
    type: number;
    param: bigint;
    routine: bigint;
    thread: number;
  };
  exception?: {
    threadId: number;
    pointers: bigint;
    clientPointers: number;
    /** Where the pointers are the caller's: EXCEPTION_RECORD and CONTEXT. */
    record?: Buffer;
    context?: Buffer;
  };
  streams: { type: number; bytes: Buffer }[];
  callbacks: RecordedCallback[];
  /** HRESULT; undefined if MiniDumpWriteDump did not come to its end. */
  result?: number;
}

const wide = new Set(['process', 'file', 'param', 'routine', 'pointers']);

export function readRecord(path: string): StandinRecord {
  const record: Partial<StandinRecord> & Pick<StandinRecord, 'streams' | 'callbacks'> = {
    streams: [],
    callbacks: [],
  };
  for (const line of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
    const { kind, ...values } = JSON.parse(line) as Record<string, string>;
    const entry = Object.fromEntries(
      Object.entries(values).map(([name, text]) => {
        if (!text.startsWith('0x')) return [name, Buffer.from(text, 'hex')];
        return [name, wide.has(name) ? BigInt(text) : Number(text)];
      }),
    );
    if (kind === 'call') record.call = entry as StandinRecord['call'];
    else if (kind === 'exception') record.exception = entry as StandinRecord['exception'] & {};
    else if (kind === 'stream') record.streams.push(entry as StandinRecord['streams'][number]);
    else if (kind === 'callback') record.callbacks.push({ kind, ...entry } as RecordedCallback);
    else if (kind === 'result') record.result = entry.hresult as number;
  }
  if (!record.call) throw new Error(`${path} has no call`);
  return record as StandinRecord;
}
