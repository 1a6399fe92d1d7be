import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import {
  GetLastError,
  GetLastMinidumpError,
  type HANDLE,
  HRESULT,
  MINIDUMP_STREAM_TYPE,
  MINIDUMP_TYPE,
  MiniDumpReadDumpStream,
  MiniDumpWriteDump,
  OpenProcess,
} from '../dist/dbghelp.js';
import { Minidump, writeMinidump } from '../dist/index.js';
import { compile, Program, stopPrograms, temporaryFolder } from './support/programs.js';
import { describeWith, needsBuild, needsLinux } from './support/tools.js';

afterEach(stopPrograms);

describeWith(['gcc', needsLinux, needsBuild], 'MiniDumpWriteDump', () => {
  it('takes an exception and user streams as C has them', async () => {
    const program = await Program.start(await compile('target'));
    const file = join(temporaryFolder(), 'a.dmp');
    const fd = openSync(file, 'wx', 0o600);
    const siginfo = new Uint8Array(128);
    const view = new DataView(siginfo.buffer);
    view.setInt32(0, 8, true); // SIGFPE
    view.setInt32(8, 1, true); // FPE_INTDIV
    view.setBigUint64(16, 0x1234n, true);
    const written = MiniDumpWriteDump(
      OpenProcess(program.pid),
      program.pid,
      fd,
      MINIDUMP_TYPE.MiniDumpNormal,
      {
        ThreadId: program.pid,
        ExceptionPointers: { siginfo, ucontext: new Uint8Array(1024) },
        ClientPointers: false,
      },
      {
        UserStreamCount: 1,
        UserStreamArray: [
          { Type: 0x10001, BufferSize: 3, Buffer: Buffer.from('abcdef') },
          { Type: 0x10002, Buffer: Buffer.from('not counted') },
        ],
      },
      null,
    );
    expect([written, GetLastError()]).toEqual([true, 0]);
    closeSync(fd);
    const dump = await Minidump.open(readFileSync(file));
    expect(await dump.get('exception')).toMatchObject({ ThreadId: program.pid, address: 0x1234n });
    expect(dump.userStreams.map(({ streamType }) => streamType)).toEqual([0x10001]);
    expect(Buffer.from(await dump.bytes(dump.userStreams[0]!)).toString()).toBe('abc');
  });

  it('says which HRESULT', () => {
    const write = (handle: HANDLE | null, pid: number, type = 0) =>
      MiniDumpWriteDump(handle, pid, 1, type, null, null, null) ? 0 : GetLastError();
    expect(write(null, 1)).toBe(0x80070006);
    expect(write(OpenProcess(999_999_999), 999_999_999)).toBe(HRESULT.E_INVALIDARG);
    expect(write(OpenProcess(1), 2)).toBe(HRESULT.E_INVALIDARG);
    expect(write(OpenProcess(1), 1, 0x0800_0000)).toBe(HRESULT.E_INVALIDARG);
  });
});

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
