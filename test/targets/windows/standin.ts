/** The stand-in for DbgHelp (test/programs/windows/standin.c): how it is built and what it recorded. */
import { readFileSync } from 'node:fs';
import type { Abi } from '../../../src/targets/windows/abi/index.js';
import { compileWindows } from '../../support/wine.js';
import { measured } from './abi/measured.js';

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

/** Such a compiler, for x64. */
export const x64 = (compiler: Abi['compiler']): Abi => ({ cpu: 'x64', compiler });

/**
 * The path of the DLL. `msvc`: its structures are those of genuine DbgHelp; `gcc`: those of a DLL that mingw built.
 */
export function compileStandin(compiler: Abi['compiler']): Promise<string> {
  const flags = structures.flatMap((structure) => {
    const { size, fields } = measured(x64(compiler), structure);
    const offsets = Object.entries(fields).map(
      ([name, { offset }]) => `-DOFFSET_${structure}_${name}=${offset}`,
    );
    return [`-DSIZE_${structure}=${size}`, ...offsets];
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
