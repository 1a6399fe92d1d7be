import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import {
  GetLastError,
  GetLastMinidumpError,
  HRESULT,
  MINIDUMP_STREAM_TYPE,
  MINIDUMP_TYPE,
  MiniDumpReadDumpStream,
  OpenProcess,
} from '../dist/dbghelp.js';
import { writeMinidump } from '../dist/index.js';
import { compile, Program, stopPrograms, temporaryFolder } from './support/programs.js';
import { describeWith, needsBuild, needsLinux } from './support/tools.js';

afterEach(stopPrograms);

describeWith(['gcc', needsLinux, needsBuild], 'MiniDumpReadDumpStream', () => {
  it('gives entry, bytes and size, each only where it is asked for', async () => {
    const program = await Program.start(await compile('target'));
    const file = join(temporaryFolder(), 'a.dmp');
    const report = await writeMinidump(program.pid, file, {
      type: MINIDUMP_TYPE.MiniDumpNormal,
      userStreams: [
        { type: 0x12345, bytes: Buffer.from('first') },
        { type: 0x12345, bytes: Buffer.from('second') },
      ],
    });
    const dump = readFileSync(file);
    const [dir, pointer, size]: [
      { value?: { StreamType: number; Location: { DataSize: number; Rva: number } } },
      { value?: Uint8Array },
      { value?: number },
    ] = [{}, {}, {}];
    expect(MiniDumpReadDumpStream(dump, 0x12345, dir, pointer, size)).toBe(true);
    expect(GetLastError()).toBe(0);
    expect(Buffer.from(pointer.value!).toString()).toBe('first');
    expect(size.value).toBe(5);
    expect(dir.value!.StreamType).toBe(0x12345);
    expect(dump.subarray(dir.value!.Location.Rva).subarray(0, 5).toString()).toBe('first');
    for (const { type } of report.streams) expect(MiniDumpReadDumpStream(dump, type)).toBe(true);
    expect(MiniDumpReadDumpStream(dump, MINIDUMP_STREAM_TYPE.ThreadListStream, null, null, size)).toBe(true);
    expect(size.value).toBe(report.streams.find(({ type }) => type === 3)!.size);
  });

  it('is FALSE where there is no such stream, and for what is no dump', () => {
    const size = { value: 7 };
    expect(MiniDumpReadDumpStream(Buffer.from('MDMPnot'), 3, null, null, size)).toBe(false);
    expect(GetLastError()).toBe(HRESULT.E_INVALIDARG);
    expect(GetLastMinidumpError()!.code).toBe('not-a-minidump');
    expect(size.value).toBe(7);
    const header = new Uint8Array(32);
    new DataView(header.buffer).setUint32(0, 0x504d444d, true);
    new DataView(header.buffer).setUint32(4, 0xa793, true);
    expect(MiniDumpReadDumpStream(header, 3)).toBe(false);
    expect(GetLastError()).toBe(HRESULT.E_INVALIDARG);
    expect(GetLastMinidumpError()!.code).toBe('stream-missing');
  });

  it('OpenProcess takes the arguments of Win32, too', () => {
    expect(OpenProcess(0x1f0fff, false, 42)).toEqual(OpenProcess(42));
  });
});
