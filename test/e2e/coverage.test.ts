/**
 * docs/coverage.md: each flag, callback type and stream, and the real dump and outside tool that proved it. A row stands in the
 * table only if its check passed in this very run; the last test compares the table with the page. After a change:
 * `MDMP_WRITE_DOCS=1 npx vitest run test/e2e/coverage.test.ts`.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  BytesSink,
  type Callbacks,
  callbackTypes,
  convertCore,
  HRESULT,
  MINIDUMP_CALLBACK_TYPE,
  MINIDUMP_TYPE,
  Minidump,
  MinidumpError,
  minidumpTypes,
  StreamType,
  type WriteMinidumpOptions,
  writeMinidump,
} from '../../dist/index.js';
import {
  type MinidumpDump,
  minidumpDump,
  minidumpStackwalk,
  obj2yaml,
  pythonMinidump,
  rustDump,
  type WalkedFrame,
} from '../support/judges.js';
import { compile, Program, stopPrograms, temporaryFolder, waitUntilStill } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

interface Row {
  kind: 'flag' | 'callback' | 'stream';
  number: number;
  name: string;
  status: 'proven' | 'layout only' | 'no meaning on Linux' | 'changes nothing';
  tool: string;
  shows: string;
}
const rows: Row[] = [];

let program: Program;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(join(folder, 'files'));
  const image = await compile('target');
  copyFileSync(image, join(folder, 'files', 'image.so'));
  program = await Program.start(
    await compile('coverage'),
    [join(folder, 'files'), join(folder, 'files', 'image.so')],
    // The program overwrites the value; what the kernel shows of its environment is that.
    { env: { MDMP_COVERAGE: 'x'.repeat(100) } },
  );
  await waitUntilStill(program.pid);
});
afterAll(stopPrograms);

let dumps = 0;
async function dump(options: WriteMinidumpOptions = {}): Promise<string> {
  const file = join(folder, `${++dumps}.dmp`);
  await writeMinidump(program.pid, file, options);
  return file;
}

const flag = (...names: (keyof typeof MINIDUMP_TYPE)[]) =>
  names.reduce((type, name) => type | MINIDUMP_TYPE[name], 0);

/** The bytes that Breakpad's minidump_dump prints of the process' memory at an address. */
function at(report: MinidumpDump, address: bigint, length: number): Buffer | undefined {
  for (const { start, size, bytes } of report.memory) {
    if (address < start || address + BigInt(length) > start + BigInt(size) || bytes === undefined) continue;
    const offset = Number(address - start);
    return bytes.subarray(offset, offset + length);
  }
  return undefined;
}

/** Whether the memory that the program filled with its name is in the dump, as minidump_dump reads it. */
function holds(report: MinidumpDump, name: string, offset = 0): boolean {
  const { address } = program.range(name);
  const bytes = at(report, address + BigInt(offset), 64);
  if (bytes === undefined) return false;
  const wanted = Buffer.from(
    Array.from({ length: 64 }, (_, i) => name.charCodeAt((offset + i) % name.length)),
  );
  return bytes.equals(wanted);
}

const normal = async () => minidumpDump(await dump());

function prove(row: Omit<Row, 'status'> & { status?: Row['status'] }, check: () => Promise<void>): void {
  it(`${row.name}: ${row.shows}`, async () => {
    await check();
    rows.push({ status: 'proven', ...row });
  });
}

const flagRow = (name: keyof typeof MINIDUMP_TYPE, tool: string, shows: string, check: () => Promise<void>) =>
  prove({ kind: 'flag', number: MINIDUMP_TYPE[name], name, tool, shows }, check);

const callbackRow = (
  name: keyof typeof MINIDUMP_CALLBACK_TYPE,
  tool: string,
  shows: string,
  check: () => Promise<void>,
) => prove({ kind: 'callback', number: MINIDUMP_CALLBACK_TYPE[name], name, tool, shows }, check);

const streamRow = (name: keyof typeof StreamType, tool: string, shows: string, check: () => Promise<void>) =>
  prove({ kind: 'stream', number: StreamType[name], name, tool, shows }, check);

const DUMP = 'Breakpad minidump_dump';
const WALK = 'Breakpad minidump_stackwalk';
const RUST = 'rust-minidump minidump-stackwalk --dump';
const PYTHON = 'PyPI minidump';
const YAML = 'LLVM obj2yaml';

const needs = [
  'gcc',
  'minidump_dump',
  'minidump_stackwalk',
  'minidump-stackwalk',
  'python-minidump',
  'obj2yaml-19',
  'gcore',
  needsLinux,
  needsBuild,
] as const;

describeWith(needs, 'flags', () => {
  flagRow('MiniDumpNormal', DUMP, 'threads with stacks and registers; no data of the program', async () => {
    const report = await normal();
    expect(report.threads.length).toBe(2);
    expect(holds(report, 'stack')).toBe(true);
    for (const name of ['data', 'bss', 'heap', 'anonymous', 'writecopy']) {
      expect(holds(report, name), name).toBe(false);
    }
  });

  const adds = (
    name: keyof typeof MINIDUMP_TYPE,
    shows: string,
    ...parts: (readonly [string, number?])[]
  ): void =>
    flagRow(name, DUMP, shows, async () => {
      const [without, report] = [await normal(), await minidumpDump(await dump({ type: flag(name) }))];
      expect(report.complaints).toEqual([]);
      for (const [part, offset] of parts) {
        expect(holds(without, part, offset), `${part} without the flag`).toBe(false);
        expect(holds(report, part, offset), part).toBe(true);
      }
    });

  adds('MiniDumpWithDataSegs', 'initialised and zero-initialised data of the program', ['data'], ['bss']);
  adds(
    'MiniDumpWithPrivateReadWriteMemory',
    'heap and anonymous mappings',
    ['heap'],
    ['heap', 3000],
    ['anonymous'],
  );
  adds('MiniDumpWithPrivateWriteCopyMemory', 'a file that is mapped privately for writing', ['writecopy']);
  adds(
    'MiniDumpWithIndirectlyReferencedMemory',
    'heap around an address that lies on a stack',
    ['heap', 512],
    ['heap', 1000],
  );
  adds(
    'MiniDumpWithProcessThreadData',
    'thread-local variables of the main thread, the environment',
    ['maintls'],
    ['environment'],
  );

  flagRow('MiniDumpWithFullMemory', PYTHON, 'a Memory64List that holds heap, data and mappings', async () => {
    const report = await pythonMinidump(await dump({ type: flag('MiniDumpWithFullMemory') }));
    expect(report.memory).toEqual([]);
    for (const name of ['heap', 'data', 'bss', 'anonymous', 'writecopy', 'stack', 'tls']) {
      const { address } = program.range(name);
      expect(
        report.memory64.some(({ start, end }) => BigInt(start) <= address && address < BigInt(end)),
        name,
      ).toBe(true);
    }
  });

  flagRow('MiniDumpWithHandleData', RUST, 'files, sockets with address and state, eventfd', async () => {
    const text = await rustDump(await dump({ type: flag('MiniDumpWithHandleData') }));
    expect(text).toContain(`(object_name)     = tcp 127.0.0.1:${program.values.get('port')} LISTEN`);
    expect(text).toContain(`(object_name)     = ${join(folder, 'files', 'writecopy.bin')}`);
    expect(text).toMatch(/\(type_name\) {7}= EventFd\n {2}\(object_name\) {5}= count 42/);
    expect(await rustDump(await dump())).not.toContain('MinidumpHandleDataStream');
  });

  flagRow(
    'MiniDumpFilterMemory',
    `${DUMP}, ${WALK}`,
    'stacks without data, that can still be walked',
    async () => {
      const file = await dump({ type: flag('MiniDumpFilterMemory') });
      const report = await minidumpDump(file);
      const { address } = program.range('stack');
      expect(at(report, address, 256)?.equals(Buffer.alloc(256))).toBe(true);
      // The pointer to the heap is data, too.
      expect(at(report, program.range('pointer').address, 8)?.equals(Buffer.alloc(8))).toBe(true);
      const [filtered, plain] = [await minidumpStackwalk(file), await minidumpStackwalk(await dump())];
      // Pointers to data, which a search of the stack takes for frames, are gone: what is left are frames of the plain dump.
      const text = ({ module, offset }: WalkedFrame) => `${module}+${offset}`;
      plain.frames.forEach((frames, i) => {
        const names = frames.map(text);
        const kept = filtered.frames[i]!.map(text);
        expect(kept.length).toBeGreaterThanOrEqual(4);
        expect(kept[0]).toBe(names[0]);
        expect(names.filter((name) => kept.includes(name))).toEqual(kept);
      });
    },
  );

  flagRow('MiniDumpScanMemory', DUMP, 'a callback leaves out modules that no stack points into', async () => {
    const callbacks: Callbacks = { module: ({ flags }) => (flags & 0x10) !== 0 };
    const report = await minidumpDump(await dump({ type: flag('MiniDumpScanMemory'), callbacks }));
    const all = (await normal()).modules.map(({ codeFile }) => codeFile);
    const left = report.modules.map(({ codeFile }) => codeFile);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(all.length);
    expect(left.some((name) => name.includes('coverage-'))).toBe(true);
  });

  flagRow(
    'MiniDumpWithUnloadedModules',
    PYTHON,
    'an image that is mapped though its file is deleted',
    async () => {
      const report = await pythonMinidump(await dump({ type: flag('MiniDumpWithUnloadedModules') }));
      const { address } = program.range('deleted');
      expect(report.unloaded).toContainEqual({
        name: join(folder, 'files', 'image.so'),
        base: String(address),
        size: 4096,
      });
    },
  );

  flagRow(
    'MiniDumpFilterModulePaths',
    DUMP,
    'names of files without folders, in the module list and the maps',
    async () => {
      const report = await minidumpDump(await dump({ type: flag('MiniDumpFilterModulePaths') }));
      expect(report.modules.filter(({ codeFile }) => codeFile.includes('/'))).toEqual([]);
      expect(report.modules.map(({ codeFile }) => codeFile)).toContain('libc.so.6');
      expect(report.texts.get('MD_LINUX_MAPS')).not.toContain('/');
      expect((await normal()).texts.get('MD_LINUX_MAPS')).toContain('/');
    },
  );

  flagRow('MiniDumpWithoutOptionalData', DUMP, 'no environment, no command line, less memory', async () => {
    const type = flag('MiniDumpWithoutOptionalData', 'MiniDumpWithIndirectlyReferencedMemory');
    const report = await minidumpDump(await dump({ type }));
    expect(report.stdout).not.toContain('environmentenvironment');
    expect(holds(report, 'heap', 512)).toBe(false);
    expect((await normal()).stdout).toContain('environmentenvironment');
  });

  flagRow(
    'MiniDumpWithFullMemoryInfo',
    PYTHON,
    'all regions of the address space, free ones too',
    async () => {
      const { memoryInfo } = await pythonMinidump(await dump({ type: flag('MiniDumpWithFullMemoryInfo') }));
      let next = 0n;
      for (const { base, size } of memoryInfo) {
        expect(BigInt(base)).toBe(next);
        next = BigInt(base) + BigInt(size);
      }
      const maps = readFileSync(`/proc/${program.pid}/maps`, 'utf8').trim().split('\n');
      expect(memoryInfo.filter(({ state }) => state !== 'MEM_FREE').length).toBe(maps.length);
    },
  );

  flagRow(
    'MiniDumpWithThreadInfo',
    PYTHON,
    'times, affinity and the first function of each thread',
    async () => {
      const { threadInfo } = await pythonMinidump(await dump({ type: flag('MiniDumpWithThreadInfo') }));
      const worker = threadInfo.find(({ id }) => id === Number(program.values.get('worker_tid')))!;
      expect(BigInt(worker.start)).toBe(program.range('worker').address);
      expect(worker.exitStatus).toBe(259);
      const created = Number(BigInt(worker.created) / 10_000n - 11_644_473_600_000n);
      expect(Math.abs(created - Date.now())).toBeLessThan(600_000);
    },
  );

  flagRow('MiniDumpWithCodeSegs', DUMP, 'the code of the program, as it is in its file', async () => {
    const report = await minidumpDump(await dump({ type: flag('MiniDumpWithCodeSegs') }));
    const { address } = program.range('main');
    const module = report.modules.find(({ base, size }) => address >= base && address < base + size)!;
    const inFile = readFileSync(module.codeFile)
      .subarray(Number(address - module.base))
      .subarray(0, 16);
    expect(at(report, address, 16)?.equals(inFile)).toBe(true);
  });

  flagRow('MiniDumpIgnoreInaccessibleMemory', DUMP, 'a dump where without it there is none', async () => {
    const callbacks: Callbacks = { memory: () => [{ address: 0x1000n, size: 4096 }] };
    await expect(dump({ callbacks })).rejects.toThrow(/cannot be read/);
    const report = await minidumpDump(
      await dump({ callbacks, type: flag('MiniDumpIgnoreInaccessibleMemory') }),
    );
    expect(report.threads.length).toBe(2);
  });

  flagRow('MiniDumpNoIgnoreInaccessibleMemory', PYTHON, 'no dump where without it there is one', async () => {
    const type = flag('MiniDumpWithFullMemory');
    expect((await pythonMinidump(await dump({ type }))).memory64.length).toBeGreaterThan(5);
    const strict = dump({ type: type | flag('MiniDumpNoIgnoreInaccessibleMemory') });
    await expect(strict).rejects.toThrow(MinidumpError);
  });

  flagRow('MiniDumpWithModuleHeaders', DUMP, 'the ELF header of each module', async () => {
    const report = await minidumpDump(await dump({ type: flag('MiniDumpWithModuleHeaders') }));
    for (const { base, codeFile } of report.modules) {
      expect(at(report, base, 4)?.toString('latin1'), codeFile).toBe('\x7fELF');
    }
    const bare = await normal();
    expect(at(bare, bare.modules[0]!.base, 4)).toBeUndefined();
  });

  flagRow(
    'MiniDumpFilterTriage',
    DUMP,
    'no environment, command line or open files; names without folders',
    async () => {
      const report = await minidumpDump(await dump({ type: flag('MiniDumpFilterTriage') }));
      expect(report.stdout).not.toContain('environmentenvironment');
      expect(report.stdout).not.toContain('MD_LINUX_CMD_LINE');
      expect(report.modules.filter(({ codeFile }) => codeFile.includes('/'))).toEqual([]);
    },
  );

  prove(
    {
      kind: 'flag',
      number: MINIDUMP_TYPE.MiniDumpScanInaccessiblePartialPages,
      name: 'MiniDumpScanInaccessiblePartialPages',
      status: 'changes nothing',
      tool: DUMP,
      shows: 'with and without it: what can be read of a range that is partly behind the end of its file',
    },
    async () => {
      const { address } = program.range('partial');
      const callbacks: Callbacks = { memory: () => [{ address, size: 8192 }] };
      for (const type of [0, flag('MiniDumpScanInaccessiblePartialPages')]) {
        const report = await minidumpDump(
          await dump({ callbacks, type: type | flag('MiniDumpIgnoreInaccessibleMemory') }),
        );
        expect(holds(report, 'partial', 4000)).toBe(true);
        expect(at(report, address + 4096n, 1)).toBeUndefined();
      }
    },
  );

  flagRow(
    'MiniDumpWithAvxXStateContext',
    RUST,
    'XSTATE areas behind the contexts, described by MiscInfo 5',
    async () => {
      const file = await dump({ type: flag('MiniDumpWithAvxXStateContext') });
      expect(await rustDump(file)).toMatch(/xstate_data +=[\s\S]*(?:feature|enabled|size)/i);
      // minidump_dump reads the contexts all the same, and says how long they are.
      const { stdout, complaints } = await minidumpDump(file);
      expect(complaints).toEqual([]);
      const sizes = [...stdout.matchAll(/thread_context\.data_size += 0x([0-9a-f]+)/g)];
      expect(sizes.length).toBe(2);
      for (const [, size] of sizes) expect(Number.parseInt(size!, 16)).toBeGreaterThan(1232);
    },
  );

  for (const name of [
    'MiniDumpWithoutAuxiliaryState',
    'MiniDumpWithFullAuxiliaryState',
    'MiniDumpWithIptTrace',
    'MiniDumpFilterWriteCombinedMemory',
    'MiniDumpWithMemoryCompressed',
  ] as const) {
    prove(
      {
        kind: 'flag',
        number: MINIDUMP_TYPE[name],
        name,
        status: 'no meaning on Linux',
        tool: DUMP,
        shows: 'accepted and reported; the same streams as without it, and the flag in the header',
      },
      async () => {
        const file = join(folder, `${name}.dmp`);
        const report = await writeMinidump(program.pid, file, { type: MINIDUMP_TYPE[name] });
        expect(report.withoutMeaning).toEqual([name]);
        expect(report.warnings.join()).toContain(name);
        const read = await minidumpDump(file);
        expect(read.streams).toEqual((await normal()).streams);
        expect(read.stdout).toContain(`flags                = 0x${MINIDUMP_TYPE[name].toString(16)}\n`);
      },
    );
  }

  prove(
    {
      kind: 'flag',
      number: MINIDUMP_TYPE.MiniDumpWithTokenInformation,
      name: 'MiniDumpWithTokenInformation',
      status: 'layout only',
      tool: 'none decodes it',
      shows: 'a TokenStream with user, groups, capabilities, seccomp and namespaces',
    },
    async () => {
      const read = await Minidump.open(
        readFileSync(await dump({ type: flag('MiniDumpWithTokenInformation') })),
      );
      const [token] = (await read.get('tokens'))!;
      const text = Buffer.from(token!.data).toString();
      expect(text).toMatch(new RegExp(`^Uid:\\s+${process.getuid!()}\\b`, 'm'));
      expect(text).toMatch(/^CapEff:/m);
      expect(token!.lines).toEqual(text.trimEnd().split('\n'));
    },
  );

  it('a bit outside 0x07ffffff is E_INVALIDARG', async () => {
    await expect(dump({ type: 0x0800_0000 })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describeWith(needs, 'callbacks', () => {
  callbackRow('ModuleCallback', DUMP, 'a module less', async () => {
    const callbacks: Callbacks = { module: ({ path }) => !path.includes('libc.so') };
    const names = (await minidumpDump(await dump({ callbacks }))).modules.map(({ codeFile }) => codeFile);
    expect(names.some((name) => name.includes('libc.so'))).toBe(false);
    expect(names.length).toBeGreaterThan(1);
  });

  callbackRow('ThreadCallback', DUMP, 'a thread without its stack', async () => {
    const tid = Number(program.values.get('worker_tid'));
    const callbacks: Callbacks = { thread: ({ id, flags }) => (id === tid ? flags & ~2 : true) };
    const { threads } = await minidumpDump(await dump({ callbacks }));
    expect(threads.find(({ id }) => id === tid)!.stackSize).toBe(0);
    expect(threads.find(({ id }) => id !== tid)!.stackSize).toBeGreaterThan(0);
  });

  callbackRow('IncludeThreadCallback', DUMP, 'a thread less', async () => {
    const tid = Number(program.values.get('worker_tid'));
    const { threads } = await minidumpDump(
      await dump({ callbacks: { includeThread: ({ id }) => id !== tid } }),
    );
    expect(threads.map(({ id }) => id)).toEqual([program.pid]);
  });

  callbackRow('IncludeModuleCallback', DUMP, 'a module less', async () => {
    const { base } = (await normal()).modules[0]!;
    const { modules } = await minidumpDump(
      await dump({ callbacks: { includeModule: (module) => module.base !== base } }),
    );
    expect(modules.some((module) => module.base === base)).toBe(false);
    expect(modules.length).toBeGreaterThan(1);
  });

  callbackRow('MemoryCallback', DUMP, 'a range more, to the byte', async () => {
    const { address } = program.range('data');
    const callbacks: Callbacks = { memory: () => [{ address: address + 3n, size: 77 }] };
    const { memory } = await minidumpDump(await dump({ callbacks }));
    const region = memory.find(({ start }) => start === address + 3n)!;
    expect(region.size).toBe(77);
    expect(region.bytes!.toString('latin1')).toBe('data'.repeat(30).slice(3, 80));
  });

  callbackRow('RemoveMemoryCallback', DUMP, 'a stack with zeros, memory with a gap', async () => {
    const [stack, data] = [program.range('stack').address, program.range('data').address];
    const removeMemory = () => [
      { address: stack + 16n, size: 32 },
      { address: data + 16n, size: 32 },
    ];
    const report = await minidumpDump(
      await dump({ type: flag('MiniDumpWithDataSegs'), callbacks: { removeMemory } }),
    );
    expect(at(report, stack + 16n, 32)!.equals(Buffer.alloc(32))).toBe(true);
    expect(at(report, data + 16n, 1)).toBeUndefined();
    expect(at(report, data, 16)!.toString('latin1')).toBe('data'.repeat(4));
    expect(at(report, data + 48n, 16)!.toString('latin1')).toBe('data'.repeat(4));
  });

  callbackRow('CancelCallback', 'the file system', 'no file; the process goes on', async () => {
    const file = join(folder, 'cancelled.dmp');
    const cancelled = writeMinidump(program.pid, file, { callbacks: { cancel: () => true } });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(existsSync(file)).toBe(false);
    expect(program.exited).toBe(false);
  });

  callbackRow('IncludeVmRegionCallback', PYTHON, 'a region less in a full-memory dump', async () => {
    const { address } = program.range('anonymous');
    const callbacks: Callbacks = {
      includeVmRegion: ({ base, size }) => !(address >= base && address < base + size),
    };
    const { memory64 } = await pythonMinidump(
      await dump({ type: flag('MiniDumpWithFullMemory'), callbacks }),
    );
    const inside = (where: bigint) =>
      memory64.some(({ start, end }) => BigInt(start) <= where && where < BigInt(end));
    expect(inside(address)).toBe(false);
    expect(inside(program.range('heap').address)).toBe(true);
  });

  for (const name of ['IoStartCallback', 'IoWriteAllCallback', 'IoFinishCallback'] as const) {
    callbackRow(name, DUMP, 'a dump that the callback wrote by itself', async () => {
      const sink = new BytesSink();
      let finished = false;
      const file = join(folder, `${name}.dmp`);
      await writeMinidump(program.pid, join(folder, 'never.dmp'), {
        callbacks: {
          ioWriteAll: ({ bytes }) => {
            sink.write(bytes);
            return true;
          },
          ioFinish: () => {
            finished = true;
            return true;
          },
        },
      });
      writeFileSync(file, sink.bytes());
      expect(finished).toBe(true);
      expect(existsSync(join(folder, 'never.dmp'))).toBe(false);
      const report = await minidumpDump(file);
      expect(report.complaints).toEqual([]);
      expect(report.threads.length).toBe(2);
    });
  }

  callbackRow('ReadMemoryFailureCallback', DUMP, 'a dump without what cannot be read', async () => {
    const memory = () => [{ address: 0x1000n, size: 4096 }];
    const report = await minidumpDump(await dump({ callbacks: { memory, readMemoryFailure: () => true } }));
    expect(report.threads.length).toBe(2);
    expect(report.memory.some(({ start }) => start === 0x1000n)).toBe(false);
  });

  callbackRow('SecondaryFlagsCallback', DUMP, 'MiscInfo without the power states', async () => {
    const flags = (report: MinidumpDump) => Number(report.miscInfo!.flags1);
    const without = await minidumpDump(await dump({ callbacks: { secondaryFlags: () => 1 } }));
    expect(flags(await normal()) & 4).toBe(4);
    expect(flags(without) & 4).toBe(0);
  });

  callbackRow('VmStartCallback', DUMP, 'reads go through the callback only after it', async () => {
    const { address } = program.range('stack');
    const scrubbed = async (start: boolean) => {
      const callbacks: Callbacks = { vmStart: () => start, vmPostRead: ({ buffer }) => void buffer.fill(7) };
      return at(await minidumpDump(await dump({ callbacks })), address, 1)![0];
    };
    expect(await scrubbed(true)).toBe(7);
    expect(await scrubbed(false)).toBe('s'.charCodeAt(0));
  });

  callbackRow('VmPreReadCallback', DUMP, 'memory that the callback gave', async () => {
    const { address } = program.range('stack');
    const callbacks: Callbacks = {
      vmPreRead: ({ buffer }) => {
        buffer.fill(0x5a);
        return buffer.length;
      },
    };
    expect(at(await minidumpDump(await dump({ callbacks })), address, 2)!.toString()).toBe('ZZ');
  });

  callbackRow('VmPostReadCallback', DUMP, 'memory that the callback changed', async () => {
    const { address } = program.range('stack');
    const callbacks: Callbacks = {
      vmPostRead: ({ address: from, buffer }) => {
        const offset = Number(address - from);
        if (offset >= 0 && offset < buffer.length) buffer[offset] = 0x21;
      },
    };
    expect(at(await minidumpDump(await dump({ callbacks })), address, 5)!.toString()).toBe('!tack');
  });

  callbackRow('VmQueryCallback', PYTHON, 'regions as the callback tells of them', async () => {
    const callbacks: Callbacks = {
      vmQuery: ({ address }) =>
        address < 0x10000n ? { base: 0n, size: 0x10000n, state: 0x2000, protection: 1 } : undefined,
    };
    const { memoryInfo } = await pythonMinidump(
      await dump({ type: flag('MiniDumpWithFullMemoryInfo'), callbacks }),
    );
    expect(memoryInfo[0]).toEqual({ base: '0', size: '65536', state: 'MEM_RESERVE' });
  });

  callbackRow(
    'IsProcessSnapshotCallback',
    DUMP,
    'the dump of a core, whose callback says that it is a snapshot; of a live process one is taken',
    async () => {
      const callbacks: Callbacks = { isProcessSnapshot: () => true };
      const taken = await writeMinidump(program.pid, join(folder, 'taken.dmp'), { callbacks });
      expect(taken.snapshot).toBe(true);
      const core = join(folder, 'core');
      expect((await run(requireTool('gcore'), ['-o', core, `${program.pid}`])).status).toBe(0);
      const file = join(folder, 'core.dmp');
      await convertCore(`${core}.${program.pid}`, file, { callbacks });
      const report = await minidumpDump(file);
      expect(report.complaints).toEqual([]);
      expect(report.threads.map(({ id }) => id)).toContain(program.pid);
    },
  );
  for (const name of ['WriteKernelMinidumpCallback', 'KernelMinidumpStatusCallback'] as const) {
    prove(
      {
        kind: 'callback',
        number: MINIDUMP_CALLBACK_TYPE[name],
        name,
        status: 'no meaning on Linux',
        tool: 'none',
        shows: 'asked after the dump; whoever gives a handle is told E_NOTIMPL',
      },
      async () => {
        const statuses: number[] = [];
        await dump({
          callbacks: {
            writeKernelMinidump: () => 1,
            kernelMinidumpStatus: ({ status }) => void statuses.push(status),
          },
        });
        expect(statuses).toEqual([HRESULT.E_NOTIMPL]);
      },
    );
  }
});

describeWith(needs, 'streams', () => {
  const ALL = flag(
    'MiniDumpWithHandleData',
    'MiniDumpWithUnloadedModules',
    'MiniDumpWithFullMemoryInfo',
    'MiniDumpWithThreadInfo',
    'MiniDumpWithTokenInformation',
  );

  streamRow('ThreadListStream', DUMP, 'threads and their registers', async () => {
    const ids = (await normal()).threads.map(({ id }) => id);
    expect(ids.sort()).toEqual([program.pid, Number(program.values.get('worker_tid'))].sort());
  });
  streamRow('ModuleListStream', DUMP, 'modules with build ids', async () => {
    const { modules } = await normal();
    expect(modules.filter(({ buildId }) => buildId).length).toBeGreaterThan(2);
  });
  streamRow('MemoryListStream', DUMP, 'memory', async () =>
    expect((await normal()).memory.length).toBeGreaterThan(1),
  );
  streamRow('SystemInfoStream', DUMP, 'amd64, Linux', async () =>
    expect((await normal()).systemInfo.platform_id).toMatch(/0x8201/),
  );
  streamRow('Memory64ListStream', `${PYTHON}, ${YAML}`, 'the ranges of a full-memory dump', async () => {
    const file = await dump({ type: flag('MiniDumpWithFullMemory') });
    const [python, yaml] = [await pythonMinidump(file), await obj2yaml(file)];
    expect(python.memory64.map(({ start }) => BigInt(start))).toEqual(
      yaml.memory64.map(({ start }) => start),
    );
    expect(python.memory64.length).toBeGreaterThan(5);
  });
  streamRow(
    'MiscInfoStream',
    RUST,
    'MINIDUMP_MISC_INFO_5: process id, power, time zone, kernel',
    async () => {
      const text = await rustDump(await dump());
      expect(text).toMatch(/size_of_info +=\s1364/);
      expect(text).toMatch(new RegExp(`process_id +=\\s${program.pid}`));
      expect(text).toMatch(/build_string +=\s\S/);
    },
  );
  streamRow('ThreadNamesStream', DUMP, 'names of threads', async () =>
    expect((await normal()).threadNames.get(program.pid)).toMatch(/^coverage/),
  );
  streamRow('CommentStreamA', PYTHON, 'the comment', async () =>
    expect((await pythonMinidump(await dump({ comment: 'hangs since noon' }))).comment).toContain(
      'hangs since noon',
    ),
  );
  prove(
    {
      kind: 'stream',
      number: StreamType.CommentStreamW,
      name: 'CommentStreamW',
      status: 'layout only',
      tool: 'none at hand decodes it',
      shows: 'a comment that is not ASCII',
    },
    async () => {
      const read = await Minidump.open(readFileSync(await dump({ comment: 'hängt seit Mittag' })));
      expect(await read.get('commentW')).toBe('hängt seit Mittag');
    },
  );
  streamRow('HandleDataStream', PYTHON, 'descriptors with type and name', async () => {
    const { handles } = await pythonMinidump(await dump({ type: ALL }));
    const event = handles.find(({ handle }) => handle === Number(program.values.get('eventfd')))!;
    expect(event).toMatchObject({ type: 'EventFd', name: expect.stringContaining('count 42') });
  });
  streamRow('UnloadedModuleListStream', RUST, 'the deleted image', async () =>
    expect(await rustDump(await dump({ type: ALL }))).toMatch(
      /MINIDUMP_UNLOADED_MODULE[\s\S]*?\/files\/image\.so/,
    ),
  );
  streamRow('MemoryInfoListStream', DUMP, 'regions with state and protection', async () => {
    const { memoryInfo } = await minidumpDump(await dump({ type: ALL }));
    const { address } = program.range('writecopy');
    expect(memoryInfo.find(({ base }) => base === address)).toMatchObject({ protection: 8, state: 0x1000 });
  });
  streamRow('ThreadInfoListStream', PYTHON, 'an entry a thread', async () =>
    expect((await pythonMinidump(await dump({ type: ALL }))).threadInfo.length).toBe(2),
  );
  streamRow('MozSoftErrors', RUST, 'what could not be read', async () => {
    const file = await dump({
      callbacks: { memory: () => [{ address: 0x1000n, size: 4096 }] },
      type: flag('MiniDumpIgnoreInaccessibleMemory'),
    });
    expect(await rustDump(file)).toContain('"address":"0x1000"');
  });
  for (const [name, pattern] of [
    ['LinuxCpuInfo', /processor\t: 0/],
    ['LinuxProcStatus', /Name:\tcoverage/],
    ['LinuxLsbRelease', /NAME=|DISTRIB/],
    ['LinuxCmdLine', /coverage/],
    ['LinuxEnviron', /environmentenvironment/],
    ['LinuxMaps', /\[stack\]/],
  ] as const) {
    streamRow(name, DUMP, 'the text of the kernel', async () => {
      const { texts, stdout } = await normal();
      expect(
        [...texts.values()].some((text) => pattern.test(text)),
        stdout.slice(0, 500),
      ).toBe(true);
    });
  }
  streamRow('LinuxAuxv', DUMP, 'the auxiliary vector', async () =>
    expect((await normal()).streams).toContainEqual(expect.objectContaining({ type: StreamType.LinuxAuxv })),
  );
  streamRow('LinuxDsoDebug', DUMP, 'the link map', async () =>
    expect((await normal()).stdout).toMatch(/DSO debug[\s\S]*libc\.so\.6|libc\.so\.6/),
  );
  streamRow('MozLinuxLimits', RUST, 'the limits', async () =>
    expect(await rustDump(await dump())).toMatch(/Max open files/),
  );
  streamRow(
    'ExceptionStream',
    DUMP,
    'see test/e2e/exception.test.ts: signal, address and registers',
    async () => {
      // A signal record of our own making: what is read back is what was given.
      const siginfo = new Uint8Array(128);
      const view = new DataView(siginfo.buffer);
      view.setInt32(0, 11, true);
      view.setInt32(8, 1, true);
      view.setBigUint64(16, 0xdead0000n, true);
      const file = await dump({
        exception: { threadId: program.pid, siginfo, ucontext: new Uint8Array(1024) },
      });
      const { exception } = await minidumpDump(file);
      expect(exception).toMatchObject({ threadId: program.pid, code: 11, address: 0xdead0000n });
    },
  );
  for (const [name, shows, key] of [
    ['TokenStream', 'user, groups, capabilities, seccomp, namespaces', 'tokens'],
    ['SystemMemoryInfoStream', "the machine's memory", 'systemMemoryInfo'],
    ['ProcessVmCountersStream', "the process' memory", 'processVmCounters'],
    ['LinuxProcStat', '/proc/PID/stat', 'linuxStat'],
    ['LinuxProcFD', 'open files as text', 'linuxFd'],
  ] as const) {
    prove(
      {
        kind: 'stream',
        number: StreamType[name],
        name,
        status: 'layout only',
        tool: 'none at hand decodes it',
        shows,
      },
      async () => {
        const read = await Minidump.open(readFileSync(await dump({ type: ALL })));
        expect(await read.get(key)).toBeDefined();
      },
    );
  }
});

const TITLES = { flag: 'Flags of MINIDUMP_TYPE', callback: 'Callback types', stream: 'Streams' };

function page(): string {
  const hex = (value: number) => (value > 99 ? `0x${value.toString(16)}` : `${value}`);
  const section = (kind: Row['kind'], number: (value: number) => string) => {
    const lines = rows
      .filter((row) => row.kind === kind)
      .sort((a, b) => a.number - b.number)
      .map(
        ({ number: value, name, status, tool, shows }) =>
          `| ${number(value)} | ${name} | ${status} | ${tool} | ${shows} |`,
      );
    const counted = rows.filter((row) => row.kind === kind && row.status === 'proven').length;
    return [
      `## ${TITLES[kind]}`,
      '',
      `${counted} proven.`,
      '',
      '| | name | | tool | what it shows |',
      '|---|---|---|---|---|',
      ...lines,
      '',
    ].join('\n');
  };
  return `# What is written, and who has seen it

This page is made by a test run (\`test/e2e/coverage.test.ts\`), and compared with it in every run: a row is here only if its check has passed. *Proven* means that a tool
which nobody here wrote has read it out of a dump of a real process (\`test/programs/coverage.c\`, dumped live). *Layout only* means that no such tool decodes it: its layout is
that of the header, checked against a compiler, and mdmp's own reader gives back what was written. *No meaning on Linux* and *changes nothing*: accepted, and reported as such.

Further dumps, judges and programs: \`test/e2e/judges.test.ts\`. Callback types 2 (ThreadEx: Itanium only), 21 and 22 (compressed memory: layouts only, as the stream has no public format) are
never sent for a Linux process.

${section('flag', (value) => `0x${value.toString(16)}`)}
${section('callback', String)}
${section('stream', hex)}`;
}

describeWith(needs, 'docs/coverage.md', () => {
  it('has every flag and callback type that there is', () => {
    const named = (kind: Row['kind']) =>
      new Set(rows.filter((row) => row.kind === kind).map(({ name }) => name));
    const masks = ['MiniDumpValidTypeFlags', 'MiniDumpValidTypeFlagsEx'];
    const flags = Object.keys(minidumpTypes.values).filter((name) => !masks.includes(name));
    expect(flags.filter((name) => !named('flag').has(name))).toEqual([]);
    const never = [
      'ThreadExCallback',
      'CompressedMemoryStreamStartCallback',
      'CompressedMemoryStreamFinishCallback',
    ];
    const callbacks = Object.keys(callbackTypes.values).filter((name) => !never.includes(name));
    expect(callbacks.filter((name) => !named('callback').has(name))).toEqual([]);
  });

  it('has every stream that a dump of this process can have', async () => {
    const all =
      Object.values(minidumpTypes.values).reduce<number>((type, value) => type | value, 0) & 0x07ffffff;
    const [without, failing, strict] = [
      flag('MiniDumpWithoutOptionalData', 'MiniDumpFilterTriage'),
      flag('MiniDumpIgnoreInaccessibleMemory'),
      flag('MiniDumpNoIgnoreInaccessibleMemory'),
    ];
    const callbacks: Callbacks = { memory: () => [{ address: 0x1000n, size: 4096 }] };
    const full = flag('MiniDumpWithFullMemory');
    const types = [all & ~without & ~strict, (all & ~without & ~strict & ~full) | failing];
    const exception = {
      threadId: program.pid,
      siginfo: new Uint8Array(128),
      ucontext: new Uint8Array(1024),
    };
    const seen = new Set<string>();
    for (const [i, type] of types.entries()) {
      const options = { type, callbacks, exception, comment: i === 0 ? 'plain' : 'ä', force: true };
      const { streams } = await writeMinidump(program.pid, join(folder, 'all.dmp'), options);
      for (const { name } of streams) seen.add(name);
    }
    const named = new Set(rows.filter(({ kind }) => kind === 'stream').map(({ name }) => name));
    expect([...seen].filter((name) => !named.has(name))).toEqual([]);
    expect([...named].filter((name) => !seen.has(name))).toEqual([]);
  });

  it('says what this run has shown', () => {
    const file = join(root, 'docs', 'coverage.md');
    if (process.env.MDMP_WRITE_DOCS) writeFileSync(file, page());
    expect(readFileSync(file, 'utf8')).toBe(page());
  });
});
