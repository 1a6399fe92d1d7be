/** The callback protocol on a live process: order, inputs, defaults, and what each answer does. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  BytesSink,
  type Callbacks,
  HRESULT,
  type MINIDUMP_CALLBACK_INPUT,
  type MINIDUMP_CALLBACK_OUTPUT,
  type MINIDUMP_CALLBACK_ROUTINE,
  MINIDUMP_TYPE,
  Minidump,
  MinidumpError,
  MINIDUMP_CALLBACK_TYPE as Type,
  writeMinidump,
} from '../../dist/index.js';
import {
  compile,
  Program,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
  threadState,
} from '../support/programs.js';
import { describeWith, needsBuild, needsLinux } from '../support/tools.js';

const { S_OK, S_FALSE, E_NOTIMPL, ERROR_PARTIAL_COPY } = HRESULT;
const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const IGNORE = MINIDUMP_TYPE.MiniDumpIgnoreInaccessibleMemory;
const SECRET = 'correct-horse-battery-staple-71';

type Answer = (input: MINIDUMP_CALLBACK_INPUT, output: MINIDUMP_CALLBACK_OUTPUT) => boolean;

let program: Program;
let file: string;

beforeEach(async () => {
  program = await Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: SECRET } });
  file = join(temporaryFolder(), 'dump.dmp');
});
afterEach(stopPrograms);

const routine = (answer: Answer): { CallbackRoutine: MINIDUMP_CALLBACK_ROUTINE } => ({
  CallbackRoutine: (_param, input, output) => answer(input, output),
});

async function failure(dump: Promise<unknown>): Promise<MinidumpError> {
  const error = await dump.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MinidumpError);
  return error as MinidumpError;
}

/** Nobody traces the process, and no thread of it is stopped. */
async function expectUntouched(one = program): Promise<void> {
  expect(one.exited).toBe(false);
  expect(statusField(one.pid, 'TracerPid')).toBe('0');
  for (const tid of threadIds(one.pid)) expect(threadState(one.pid, tid)).toMatch(/[RSD]/);
}

function count(haystack: Uint8Array, needle: string): number {
  const bytes = Buffer.from(haystack);
  let found = 0;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) found++;
  return found;
}

/** The types in the order in which they came, repetitions left out. */
async function orderOf(type: number, answer: Answer = () => true): Promise<number[]> {
  const order: number[] = [];
  await writeMinidump(program.pid, file, {
    type,
    callback: routine((input, output) => {
      if (order.at(-1) !== input.CallbackType) order.push(input.CallbackType);
      return answer(input, output);
    }),
  });
  return order;
}

const BEFORE = [
  Type.IsProcessSnapshotCallback,
  Type.VmStartCallback,
  Type.IoStartCallback,
  Type.SecondaryFlagsCallback,
  Type.CancelCallback,
  Type.IncludeThreadCallback,
  Type.IncludeModuleCallback,
  Type.ModuleCallback,
  Type.ThreadCallback,
];

describeWith(['gcc', needsLinux, needsBuild], 'the order of the callbacks', () => {
  it('of a normal dump', async () => {
    expect(await orderOf(0)).toEqual([
      ...BEFORE,
      Type.MemoryCallback,
      Type.RemoveMemoryCallback,
      Type.WriteKernelMinidumpCallback,
    ]);
  });

  it('of a full-memory dump', async () => {
    expect(await orderOf(FULL)).toEqual([
      ...BEFORE,
      Type.IncludeVmRegionCallback,
      Type.WriteKernelMinidumpCallback,
    ]);
  });

  it('of a dump that the callback writes by itself, with all that it may be asked', async () => {
    const order = await orderOf(MINIDUMP_TYPE.MiniDumpWithFullMemoryInfo, (input, output) => {
      switch (input.CallbackType) {
        case Type.VmStartCallback:
        case Type.IoStartCallback:
          output.Status = S_FALSE;
          return true;
        case Type.IoWriteAllCallback:
        case Type.IoFinishCallback:
          output.Status = S_OK;
          return true;
        case Type.WriteKernelMinidumpCallback:
          output.Handle = 1;
          return true;
        case Type.VmQueryCallback:
          return false;
        default:
          return true;
      }
    });
    const vm: number[] = [Type.VmPreReadCallback, Type.VmPostReadCallback, Type.VmQueryCallback];
    expect(order.filter((type) => !vm.includes(type))).toEqual([
      ...BEFORE,
      Type.MemoryCallback,
      Type.RemoveMemoryCallback,
      Type.IoWriteAllCallback,
      Type.IoFinishCallback,
      Type.WriteKernelMinidumpCallback,
      Type.KernelMinidumpStatusCallback,
    ]);
    // Each read is announced and followed up; what is written has been read.
    const first = order.indexOf(Type.VmPreReadCallback);
    expect(order[first + 1]).toBe(Type.VmPostReadCallback);
    expect(order.lastIndexOf(Type.VmPostReadCallback)).toBeLessThan(order.indexOf(Type.IoWriteAllCallback));
    expect(order).toContain(Type.VmQueryCallback);
  });

  it('is asked Cancel between any two others while it says CheckCancel', async () => {
    const seen: number[] = [];
    await writeMinidump(program.pid, file, {
      callback: routine((input, output) => {
        seen.push(input.CallbackType);
        if (input.CallbackType === Type.CancelCallback) output.CheckCancel = true;
        return true;
      }),
    });
    const from = seen.indexOf(Type.CancelCallback);
    const to = seen.indexOf(Type.WriteKernelMinidumpCallback);
    for (let i = from; i < to - 1; i++) {
      expect(
        [seen[i], seen[i + 1]].filter((type) => type === Type.CancelCallback).length,
        `${i}: ${seen[i]}, ${seen[i + 1]}`,
      ).toBeGreaterThan(0);
    }
  });

  it('is not changed by a routine that answers TRUE to all and leaves the output alone, nor by one that answers FALSE to what is no thread and no module', async () => {
    const plain = await writeMinidump(program.pid, join(temporaryFolder(), 'plain.dmp'), { type: FULL });
    const asked = (type: number) => type <= Type.IncludeModuleCallback;
    for (const answer of [() => true, ({ CallbackType }: MINIDUMP_CALLBACK_INPUT) => asked(CallbackType)]) {
      const folder = temporaryFolder();
      const { size, memory, threads, modules } = await writeMinidump(program.pid, join(folder, 'a.dmp'), {
        type: FULL,
        callback: routine(answer),
      });
      expect({ memory, threads, modules }).toEqual({
        memory: plain.memory,
        threads: plain.threads,
        modules: plain.modules,
      });
      // The texts of the system (cpuinfo with its MHz) differ by some bytes.
      expect(Math.abs(size - plain.size)).toBeLessThan(4096);
    }
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'what the callbacks find', () => {
  it('process id and handle as Windows gives them, and the documented defaults', async () => {
    const outputs = new Map<number, unknown>();
    const ids = new Map<number, [number, unknown]>();
    const param = { mine: 1 };
    await writeMinidump(program.pid, file, {
      type:
        MINIDUMP_TYPE.MiniDumpWithDataSegs |
        MINIDUMP_TYPE.MiniDumpWithCodeSegs |
        MINIDUMP_TYPE.MiniDumpWithProcessThreadData |
        MINIDUMP_TYPE.MiniDumpWithThreadInfo,
      callback: {
        CallbackParam: param,
        CallbackRoutine: (given, input, output) => {
          expect(given).toBe(param);
          outputs.set(input.CallbackType, structuredClone(output));
          ids.set(input.CallbackType, [input.ProcessId, input.ProcessHandle]);
          return true;
        },
      },
    });
    const { pid } = program;
    expect(Object.fromEntries(ids)).toEqual({
      [Type.IsProcessSnapshotCallback]: [0, pid],
      [Type.VmStartCallback]: [0, pid],
      [Type.IoStartCallback]: [0, null],
      [Type.SecondaryFlagsCallback]: [pid, pid],
      [Type.CancelCallback]: [pid, pid],
      [Type.IncludeThreadCallback]: [pid, pid],
      [Type.IncludeModuleCallback]: [pid, pid],
      [Type.ModuleCallback]: [pid, pid],
      [Type.ThreadCallback]: [pid, pid],
      [Type.MemoryCallback]: [pid, pid],
      [Type.RemoveMemoryCallback]: [pid, pid],
      [Type.WriteKernelMinidumpCallback]: [0, null],
    });
    expect(Object.fromEntries(outputs)).toEqual({
      [Type.IsProcessSnapshotCallback]: { Status: E_NOTIMPL },
      [Type.VmStartCallback]: { Status: E_NOTIMPL },
      [Type.IoStartCallback]: { Status: E_NOTIMPL },
      [Type.SecondaryFlagsCallback]: { SecondaryFlags: 0 },
      [Type.CancelCallback]: { CheckCancel: false, Cancel: false },
      [Type.IncludeThreadCallback]: { ThreadWriteFlags: 0x77 },
      [Type.IncludeModuleCallback]: { ModuleWriteFlags: 0x6f },
      [Type.ModuleCallback]: { ModuleWriteFlags: 0x6f },
      [Type.ThreadCallback]: { ThreadWriteFlags: 0x77 },
      [Type.MemoryCallback]: { MemoryBase: 0n, MemorySize: 0 },
      [Type.RemoveMemoryCallback]: { MemoryBase: 0n, MemorySize: 0 },
      [Type.WriteKernelMinidumpCallback]: { Handle: null },
    });
  });

  it.each([
    ['normal', 0, 0x17, 0x0d],
    ['data segments', 0x1, 0x17, 0x0f],
    ['code segments', 0x2000, 0x17, 0x4d],
    ['thread information', 0x1000, 0x57, 0x0d],
    ['process and thread data', 0x100, 0x37, 0x2d],
  ])('write flags of %s', async (_name, type, thread, module) => {
    const found = new Set<string>();
    await writeMinidump(program.pid, file, {
      type,
      callbacks: {
        thread: ({ flags }) => {
          found.add(`thread ${flags}`);
          return true;
        },
        module: ({ flags }) => {
          found.add(`module ${flags}`);
          return true;
        },
      },
    });
    expect([...found].sort()).toEqual([`module ${module}`, `thread ${thread}`]);
  });

  it('ModuleReferencedByMemory, with ScanMemory, of the modules that stacks point into', async () => {
    const referenced = async (type: number) => {
      const names: string[] = [];
      await writeMinidump(program.pid, join(temporaryFolder(), 'a.dmp'), {
        type,
        callbacks: {
          module: ({ path, flags }) => {
            if ((flags & 0x10) !== 0) names.push(path);
            return true;
          },
        },
      });
      return names.map((path) =>
        path
          .split('/')
          .at(-1)!
          .replace(/-[0-9a-f]{16}$/, ''),
      );
    };
    expect(await referenced(0)).toEqual([]);
    const scanned = await referenced(MINIDUMP_TYPE.MiniDumpScanMemory);
    expect(scanned).toContain('secret');
    expect(scanned).toContain('libc.so.6');
    expect(await referenced(MINIDUMP_TYPE.MiniDumpFilterMemory)).toEqual(scanned);
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'write flags', () => {
  const bits = [0x1, 0x2, 0x4, 0x10, 0x20, 0x40];
  const combinations = Array.from({ length: 1 << bits.length }, (_, mask) =>
    bits.reduce((flags, bit, i) => flags | ((mask >> i) & 1 ? bit : 0), 0),
  );

  it('of a thread, in each combination, do what they say', async () => {
    const type = MINIDUMP_TYPE.MiniDumpWithProcessThreadData | MINIDUMP_TYPE.MiniDumpWithThreadInfo;
    const tid = threadIds(program.pid).find((id) => id !== program.pid)!;
    for (const flags of combinations) {
      const sink = new BytesSink();
      await writeMinidump(program.pid, file, {
        type,
        force: true,
        callbacks: { thread: ({ id }) => (id === tid ? flags : true) },
      });
      sink.write(readFileSync(file));
      const dump = await Minidump.open(sink.bytes());
      const thread = (await dump.get('threads'))!.find(({ ThreadId }) => ThreadId === tid);
      const info = (await dump.get('threadInfo'))!.some(({ ThreadId }) => ThreadId === tid);
      const kept = (flags & 1) !== 0;
      expect(thread !== undefined, `0x${flags.toString(16)}`).toBe(kept);
      expect(info).toBe(kept && (flags & 0x40) !== 0);
      if (!thread) continue;
      expect(thread.context !== undefined).toBe((flags & 0x4) !== 0);
      expect(thread.Stack.Memory.DataSize > 0).toBe((flags & 0x2) !== 0);
      const memory = await dump.memory();
      if (thread.context) {
        const window = memory.find(thread.context.instructionPointer - 0x10n) !== undefined;
        // The other thread may stand at the same place, in the same call of libc.
        if ((flags & 0x10) !== 0) expect(window).toBe(true);
      }
    }
  });

  it('of a module, in each combination, do what they say', async () => {
    const type =
      MINIDUMP_TYPE.MiniDumpWithDataSegs |
      MINIDUMP_TYPE.MiniDumpWithCodeSegs |
      MINIDUMP_TYPE.MiniDumpWithProcessThreadData;
    for (const mask of combinations) {
      // The bits of a module: 1 entry, 2 data, 4 misc, 8 CodeView, 0x20 TLS, 0x40 code.
      const flags = (mask & ~0x10) | ((mask & 0x10) !== 0 ? 0x8 : 0);
      await writeMinidump(program.pid, file, {
        type,
        force: true,
        callbacks: { module: ({ path }) => (path.includes('/secret-') ? flags : true) },
      });
      const dump = await Minidump.open(readFileSync(file));
      const module = (await dump.get('modules'))!.find(({ name }) => name?.includes('/secret-'));
      expect(module !== undefined, `0x${flags.toString(16)}`).toBe((flags & 1) !== 0);
      const memory = await dump.memory();
      const { address } = program.range('static');
      expect(memory.find(address) !== undefined).toBe((flags & 0x3) === 0x3);
      if (!module) continue;
      expect(module.codeView !== undefined).toBe((flags & 0x8) !== 0);
      const code = BigInt(
        readFileSync(`/proc/${program.pid}/maps`, 'utf8')
          .split('\n')
          .find((line) => line.includes('/secret-') && line.includes('r-x'))!
          .split('-')[0]!
          .replace(/^/, '0x'),
      );
      expect(memory.find(code) !== undefined).toBe((flags & 0x40) !== 0);
    }
  });

  it('can be cleared, not set', async () => {
    await writeMinidump(program.pid, file, { callbacks: { module: () => 0xff, thread: () => 0xff } });
    const dump = await Minidump.open(readFileSync(file));
    expect(await dump.get('threadInfo')).toBeUndefined();
    const memory = await dump.memory();
    expect(memory.find(program.range('static').address)).toBeUndefined();
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'the callback writes the dump', () => {
  it('in order, without gaps; no file is made', async () => {
    const sink = new BytesSink();
    let finished = 0;
    const offsets: [bigint, number][] = [];
    const report = await writeMinidump(program.pid, file, {
      type: FULL,
      callbacks: {
        ioWriteAll({ offset, bytes }) {
          offsets.push([offset, bytes.length]);
          sink.write(bytes);
          return true;
        },
        ioFinish() {
          finished++;
          return true;
        },
      },
    });
    let at = 0n;
    for (const [offset, length] of offsets) {
      expect(offset).toBe(at);
      at += BigInt(length);
    }
    expect(at).toBe(BigInt(report.size));
    expect(finished).toBe(1);
    expect(existsSync(file)).toBe(false);
    const dump = await Minidump.open(sink.bytes());
    expect((await dump.get('threads'))?.length).toBe(2);
    expect(count(sink.bytes(), SECRET)).toBeGreaterThan(3);
  });

  it('and its file handle is what the caller gave', async () => {
    const handles: unknown[] = [];
    await writeMinidump(program.pid, file, {
      fileHandle: 'mine',
      callback: routine((input, output) => {
        if ('Io' in input) handles.push(input.Io.Handle);
        if (input.CallbackType === Type.IoStartCallback) output.Status = S_FALSE;
        else if ('Io' in input) output.Status = S_OK;
        return true;
      }),
    });
    expect(handles.length).toBeGreaterThanOrEqual(3);
    expect(new Set(handles)).toEqual(new Set(['mine']));
  });

  it.each<[string, Answer]>([
    [
      'IoWriteAll leaves Status alone',
      (input, output) => {
        if (input.CallbackType === Type.IoStartCallback) output.Status = S_FALSE;
        return true;
      },
    ],
    [
      'IoWriteAll gives FALSE',
      (input, output) => {
        if (input.CallbackType === Type.IoStartCallback) output.Status = S_FALSE;
        else output.Status = S_OK;
        return input.CallbackType !== Type.IoWriteAllCallback;
      },
    ],
    [
      'IoFinish gives an error',
      (input, output) => {
        if (input.CallbackType === Type.IoStartCallback) output.Status = S_FALSE;
        else if (input.CallbackType === Type.IoWriteAllCallback) output.Status = S_OK;
        else if (input.CallbackType === Type.IoFinishCallback) output.Status = HRESULT.E_FAIL;
        return true;
      },
    ],
  ])('or fails where %s', async (_name, answer) => {
    const error = await failure(writeMinidump(program.pid, file, { callback: routine(answer) }));
    expect(error.code).toBe('write-failed');
    expect(existsSync(file)).toBe(false);
  });

  it('or says no: then the file is written as ever', async () => {
    await writeMinidump(program.pid, file, {
      callbacks: { ioStart: () => false, ioWriteAll: () => expect.fail('it said no') },
    });
    expect((await Minidump.open(readFileSync(file))).directory.length).toBeGreaterThan(5);
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'reads of memory', () => {
  it('come to vmPostRead, which can scrub a value wherever memory is stored, texts and stacks included', async () => {
    const scrub = (buffer: Uint8Array) => {
      const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      for (let at = bytes.indexOf(SECRET); at >= 0; at = bytes.indexOf(SECRET, at)) {
        bytes.fill(0x2a, at, at + SECRET.length);
      }
    };
    for (const type of [0, FULL]) {
      const plain = join(temporaryFolder(), 'plain.dmp');
      await writeMinidump(program.pid, plain, { type });
      expect(count(readFileSync(plain), SECRET)).toBeGreaterThan(1);
      const clean = join(temporaryFolder(), 'clean.dmp');
      await writeMinidump(program.pid, clean, {
        type,
        callbacks: { vmPostRead: ({ buffer }) => scrub(buffer) },
      });
      expect(count(readFileSync(clean), SECRET)).toBe(0);
      expect(count(readFileSync(clean), '*'.repeat(SECRET.length))).toBeGreaterThan(1);
      expect((await Minidump.open(readFileSync(clean))).getSync('linuxEnvironment')).toContainEqual(
        expect.stringMatching(/^MDMP_TEST_SECRET=\*+$/),
      );
    }
  });

  it('can be answered by vmPreRead, in part or all', async () => {
    const { address, length } = program.range('heap');
    await writeMinidump(program.pid, file, {
      callbacks: {
        memory: () => [{ address, size: length }],
        vmPreRead({ address: at, buffer }) {
          if (at !== address) return undefined;
          buffer.fill(0x41, 0, 8);
          return 8;
        },
      },
    });
    const dump = await Minidump.open(readFileSync(file));
    const stored = await (await dump.memory()).read(address, 16);
    expect(Buffer.from(stored).toString('latin1')).toBe(`AAAAAAAA${SECRET.slice(8, 16)}`);
  });

  it('vmQuery decides what regions there are', async () => {
    const { address } = program.range('heap');
    const page = address & ~0xfffn;
    const info = async (callbacks: Callbacks) => {
      await writeMinidump(program.pid, file, { type: FULL | 0x800, force: true, callbacks });
      const dump = await Minidump.open(readFileSync(file));
      return {
        memory: await dump.memory(),
        regions: (await dump.get('memoryInfo'))!.filter(({ State }) => State === 0x1000),
      };
    };
    const all = await info({});
    expect(all.regions.length).toBeGreaterThan(10);
    // A process that has one page and no more.
    const one = await info({
      vmQuery: ({ address: at }) =>
        at < page
          ? { base: 0n, size: page, state: 0x10000 }
          : at < page + 4096n
            ? { base: page, size: 4096n }
            : { base: page + 4096n, size: (1n << 64n) - page - 4096n, state: 0x10000 },
    });
    expect(one.regions.map(({ BaseAddress, RegionSize }) => [BaseAddress, RegionSize])).toEqual([
      [page, 4096n],
    ]);
    expect(one.memory.find(address)).toBeDefined();
    expect(one.memory.find(program.range('static').address)).toBeUndefined();
  });

  it.each<[string, Callbacks]>([
    ['vmQuery does not hold the address', { vmQuery: () => ({ base: 0x1000n, size: 4096n }) }],
    ['vmQuery gives no size', { vmQuery: ({ address }) => ({ base: address, size: 0n }) }],
    ['vmPreRead claims too much', { vmPreRead: ({ buffer }) => buffer.length + 1 }],
    ['vmPostRead is asynchronous', { vmPostRead: (async () => {}) as never }],
  ])('fails where %s', async (_name, callbacks) => {
    const error = await failure(writeMinidump(program.pid, file, { type: 0x800, callbacks }));
    expect(error.code).toMatch(/^callback-/);
  });

  it('only after VmStart', async () => {
    const asked = new Set<number>();
    await writeMinidump(program.pid, file, {
      callback: routine(({ CallbackType }) => {
        asked.add(CallbackType);
        return true;
      }),
    });
    expect(asked.has(Type.VmPreReadCallback)).toBe(false);
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'memory that cannot be read', () => {
  const nowhere = { address: 0x1000n, size: 0x2000n };

  it('fails the dump, or not, as readMemoryFailure says; with the failure of Windows', async () => {
    const memory = () => [nowhere];
    expect((await failure(writeMinidump(program.pid, file, { callbacks: { memory } }))).code).toBe(
      'memory-unreadable',
    );
    const asked: unknown[] = [];
    const report = await writeMinidump(program.pid, file, {
      callbacks: {
        memory,
        readMemoryFailure: (what) => {
          asked.push(what);
          return true;
        },
      },
    });
    expect(asked).toEqual([{ address: 0x1000n, size: 0x2000n, status: ERROR_PARTIAL_COPY }]);
    expect(report.unreadable).toEqual([{ ...nowhere, why: 'nothing is mapped there' }]);
    const dump = await Minidump.open(readFileSync(file));
    expect(await dump.get('softErrors')).toEqual([
      {
        MemoryUnreadable: {
          address: '0x1000',
          size: 0x2000,
          stored: 'nothing',
          why: 'nothing is mapped there',
        },
      },
    ]);
    const refused = writeMinidump(program.pid, file, {
      force: true,
      callbacks: { memory, readMemoryFailure: () => false },
    });
    expect((await failure(refused)).code).toBe('memory-unreadable');
    // Not asked where the type ignores it.
    await writeMinidump(program.pid, file, {
      type: IGNORE,
      force: true,
      callbacks: { memory, readMemoryFailure: () => expect.fail('not asked') },
    });
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'the other callbacks', () => {
  it('SecondaryFlags leaves the power states out, and refuses other bits', async () => {
    const flags = async (callbacks: Callbacks) => {
      await writeMinidump(program.pid, file, { force: true, callbacks });
      return (await (await Minidump.open(readFileSync(file))).get('miscInfo'))!.Flags1;
    };
    expect((await flags({})) & 4).toBe(4);
    expect((await flags({ secondaryFlags: () => 1 })) & 4).toBe(0);
    const error = await failure(
      writeMinidump(program.pid, file, { force: true, callbacks: { secondaryFlags: () => 2 } }),
    );
    expect(error.code).toBe('invalid-argument');
  });

  it('IsProcessSnapshot takes a snapshot: the process runs while the callback is asked', async () => {
    const states: string[] = [];
    const report = await writeMinidump(program.pid, file, {
      force: true,
      callbacks: {
        isProcessSnapshot: () => true,
        module: () => {
          states.push(/^TracerPid:\t(\d+)/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))![1]!);
        },
      },
    });
    expect(report.snapshot).toBe(true);
    expect(states.length).toBeGreaterThan(1);
    expect(new Set(states)).toEqual(new Set(['0']));
  });

  it('WriteKernelMinidump gets E_NOTIMPL, once the dump is there', async () => {
    const results: number[] = [];
    await writeMinidump(program.pid, file, {
      callbacks: {
        writeKernelMinidump: () => {
          expect(existsSync(file)).toBe(true);
          return 3;
        },
        kernelMinidumpStatus: ({ status }) => results.push(status),
      },
    });
    expect(results).toEqual([E_NOTIMPL]);
  });

  it('cancels at each point: no file, and the process runs on', async () => {
    let points = 0;
    await writeMinidump(program.pid, file, {
      callback: routine((input, output) => {
        if (input.CallbackType === Type.CancelCallback) {
          points++;
          output.CheckCancel = true;
        }
        return true;
      }),
    });
    expect(points).toBeGreaterThan(8);
    for (let point = 1; point <= points; point++) {
      let seen = 0;
      const cancelled = join(temporaryFolder(), 'cancelled.dmp');
      const error = await failure(
        writeMinidump(program.pid, cancelled, {
          callback: routine((input, output) => {
            if (input.CallbackType !== Type.CancelCallback) return true;
            output.CheckCancel = true;
            output.Cancel = ++seen === point;
            return true;
          }),
        }),
      );
      expect(error.code).toBe('cancelled');
      expect(existsSync(cancelled)).toBe(false);
      expect(program.exited).toBe(false);
    }
    await expectUntouched();
  });

  it('cancels while a full dump is written with the process held', async () => {
    const type = FULL;
    let points = 0;
    const sink = new BytesSink();
    // Of a sink that may wait 8 MiB are kept at most: the rest is copied while the process stands.
    const slow = {
      mayWait: true,
      write: (bytes: Uint8Array) => sink.write(bytes),
      close: () => {},
      abort: () => {},
    };
    const big = await Program.start(await compile('pausewatch'), ['--touch', '32']);
    let all = Number.POSITIVE_INFINITY;
    const answer = (last: number) =>
      routine((input, output) => {
        if (input.CallbackType !== Type.CancelCallback) return true;
        output.CheckCancel = true;
        output.Cancel = ++points >= last;
        return true;
      });
    // How often it is asked depends on how the threads that copy get on: a few times more or less.
    for (let run = 0; run < 5; run++) {
      points = 0;
      await writeMinidump(big.pid, slow, { type, callback: answer(Number.POSITIVE_INFINITY) });
      all = Math.min(all, points);
    }
    expect(all).toBeGreaterThan(50);
    for (const last of [all - 4, all - 16, 1]) {
      points = 0;
      const error = await failure(writeMinidump(big.pid, slow, { type, callback: answer(last) }));
      expect(error.code).toBe('cancelled');
      await expectUntouched(big);
    }
  });

  it('overlapping, touching and repeated ranges are stored once', async () => {
    const { address } = program.range('static');
    const page = address & ~0xfffn;
    const report = await writeMinidump(program.pid, file, {
      callbacks: {
        memory: () => [
          { address: page, size: 64 },
          { address: page + 32n, size: 64 },
          { address: page + 96n, size: 32n },
          { address: page, size: 64 },
        ],
      },
    });
    expect(report.unreadable).toEqual([]);
    const dump = await Minidump.open(readFileSync(file));
    const ranges = (await dump.memory()).ranges().filter(({ start }) => start === page);
    expect(ranges.map(({ end }) => end - page)).toEqual([128n]);
  });

  it.each([
    ['negative', { address: -4096n, size: 16 }],
    ['of negative size', { address: 4096n, size: -16 }],
    ['beyond the address space', { address: (1n << 64n) - 16n, size: 32 }],
    ['of no whole size', { address: 4096n, size: 1.5 }],
  ])('a range that is %s fails the dump', async (_name, range) => {
    for (const callbacks of [{ memory: () => [range] }, { removeMemory: () => [range] }]) {
      const error = await failure(writeMinidump(program.pid, file, { callbacks }));
      expect(error.code).toBe('callback-failed');
    }
  });

  it('a huge range that is removed takes all, and one that is added is refused', async () => {
    const all = [{ address: 0n, size: 1n << 64n }];
    const report = await writeMinidump(program.pid, file, { callbacks: { removeMemory: () => all } });
    expect(report.memory.bytes).toBeGreaterThan(0);
    const bytes = readFileSync(file);
    expect(count(bytes, SECRET)).toBe(0);
    const memory = await (await Minidump.open(bytes)).memory();
    for (const { start, end } of memory.ranges()) {
      expect((await memory.read(start, Number(end - start))).every((byte) => byte === 0)).toBe(true);
    }
    const error = await failure(
      writeMinidump(program.pid, file, { force: true, callbacks: { memory: () => all } }),
    );
    expect(error.code).toBe('memory-unreadable');
  });

  it('what was read from removed memory is in no stream: build ids, first functions of threads', async () => {
    const callbacks = { removeMemory: () => [{ address: 0n, size: 1n << 47n }] };
    const type = MINIDUMP_TYPE.MiniDumpWithThreadInfo;
    await writeMinidump(program.pid, file, { type });
    const plain = await Minidump.open(readFileSync(file));
    await writeMinidump(program.pid, file, { type, force: true, callbacks });
    const dump = await Minidump.open(readFileSync(file));
    const starts = async (one: Minidump) =>
      (await one.get('threadInfo'))!.filter(({ StartAddress }) => StartAddress !== 0n).length;
    const ids = async (one: Minidump) =>
      (await one.get('modules'))!.filter(({ codeIdentifier }) => codeIdentifier).length;
    expect([await starts(plain), await ids(plain)]).toEqual([2, expect.any(Number)]);
    expect([await starts(dump), await ids(dump)]).toEqual([0, 0]);
    expect(await ids(plain)).toBeGreaterThan(2);
    expect((await plain.get('linuxAuxv'))!.length).toBeGreaterThan(10);
    expect(await dump.get('linuxAuxv')).toEqual([]);
    expect((await dump.get('linuxDsoDebug'))?.objects.map(({ name }) => name) ?? []).toEqual([]);
  });

  it('a routine that returns nothing leaves out all threads and modules, and a warning says so', async () => {
    const report = await writeMinidump(program.pid, file, {
      callback: { CallbackRoutine: (() => {}) as never },
    });
    expect(report.threads).toEqual({ written: 0, excluded: 2 });
    expect(report.modules.written).toBe(0);
    expect(report.pauseMs).toBe(0); // no thread was stopped
    expect(report.warnings.join()).toContain('left out every thread');
    await expectUntouched();
  });

  it('functions that return nothing leave all as it is', async () => {
    const plain = await writeMinidump(program.pid, file, {});
    const report = await writeMinidump(program.pid, file, {
      force: true,
      callbacks: {
        includeThread() {},
        includeModule() {},
        module() {},
        thread() {},
        includeVmRegion() {},
        cancel() {},
        readMemoryFailure() {},
        vmPostRead() {},
      },
    });
    expect([report.threads, report.modules, report.memory]).toEqual([
      plain.threads,
      plain.modules,
      plain.memory,
    ]);
  });

  it.each<[string, unknown]>([
    ['a name that is no callback', { removememory: () => [] }],
    ['a member that is no function', { module: 5 }],
    ['null', null],
    ['a function', () => true],
  ])('refuses %s as `callbacks` before the process is touched', async (_name, callbacks) => {
    const dump = writeMinidump(program.pid, file, { callbacks: callbacks as Callbacks });
    expect((await failure(dump)).code).toBe('invalid-argument');
    expect(existsSync(file)).toBe(false);
  });

  it.each<[string, object]>([
    ['a user stream of text', { userStreams: [{ type: 70000, bytes: 'abc' }] }],
    ['a user stream of words', { userStreams: [{ type: 70000, bytes: new Uint16Array(3) }] }],
    ['a negative stream type', { userStreams: [{ type: -1, bytes: new Uint8Array(1) }] }],
    ['a broken stream type', { userStreams: [{ type: 70000.5, bytes: new Uint8Array(1) }] }],
    ['a comment that is a number', { comment: 5 }],
  ])('refuses %s', async (_name, options) => {
    expect((await failure(writeMinidump(program.pid, file, options))).code).toBe('invalid-argument');
  });

  it('an exception must be of a thread of the process; of one that is left out a warning tells', async () => {
    const siginfo = new Uint8Array(128);
    const ucontext = new Uint8Array(1024);
    const of = (threadId: number, callbacks: Callbacks = {}) =>
      writeMinidump(program.pid, file, {
        force: true,
        exception: { threadId, siginfo, ucontext },
        callbacks,
      });
    expect((await failure(of(1))).code).toBe('invalid-argument');
    const tid = threadIds(program.pid).find((id) => id !== program.pid)!;
    const { warnings } = await of(tid, { includeThread: ({ id }) => id !== tid });
    expect(warnings.join()).toContain(`${tid}`);
  });

  it('no file is told of where the callback wrote the dump', async () => {
    const report = await writeMinidump(program.pid, file, { callbacks: { ioWriteAll: () => true } });
    expect(report.file).toBe('');
    expect(report.writtenByCallback).toBe(true);
  });

  it('triage and no optional data leave environment and command line out of memory, too', async () => {
    const environment = program.range('environment');
    for (const filter of [MINIDUMP_TYPE.MiniDumpFilterTriage, MINIDUMP_TYPE.MiniDumpWithoutOptionalData]) {
      for (const type of [MINIDUMP_TYPE.MiniDumpWithProcessThreadData, FULL]) {
        await writeMinidump(program.pid, file, { type: type | filter, force: true });
        const dump = await Minidump.open(readFileSync(file));
        const memory = await dump.memory();
        const bytes = await memory.read(environment.address, environment.length);
        expect(bytes.every((byte) => byte === 0)).toBe(true);
        expect(dump.entry('linuxEnvironment')).toBeUndefined();
      }
    }
  });

  it('removing wins over what another flag asked for', async () => {
    const { address, length } = program.range('static');
    const type = MINIDUMP_TYPE.MiniDumpWithDataSegs | MINIDUMP_TYPE.MiniDumpWithPrivateReadWriteMemory;
    await writeMinidump(program.pid, file, {
      type,
      callbacks: { removeMemory: () => [{ address, size: length }] },
    });
    const memory = await (await Minidump.open(readFileSync(file))).memory();
    expect(memory.find(address)).toBeUndefined();
    expect(memory.find(address + BigInt(length) + 64n)).toBeDefined();
  });
});
