import { mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  coreAndHandledCrash,
  gcore,
  handledCrash,
  kernelCore,
  main,
  needsCorePattern,
} from '../support/cores.js';
import {
  type LldbReport,
  lldbDump,
  type MinidumpDump,
  minidumpDump,
  minidumpStackwalk,
  type Obj2Yaml,
  obj2yaml,
  type Stackwalk,
} from '../support/judges.js';
import { contextRegisters, differences, modulesOf, RawMemory64, registerIn } from '../support/live.js';
import {
  compile,
  copyAs,
  Program,
  stopPrograms,
  temporaryFolder,
  threadIds,
  threadName,
  waitUntilStill,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

/** What an interrupted system call leaves in rax; which one differs from stop to stop. */
const RESTART_CODES = new Set([-4n, -512n, -513n, -514n, -516n].map((code) => BigInt.asUintN(64, code)));

const needs = [
  needsLinux,
  needsBuild,
  needsCorePattern,
  'prlimit',
  'gcc',
  'gcore',
  'readelf',
  'minidump_dump',
  'minidump_stackwalk',
  'lldb-19',
  'obj2yaml-19',
] as const;

async function mdmp(...words: string[]): Promise<string> {
  const result = await run(process.execPath, [main, ...words]);
  expect(result.stderr.toString()).toBe('');
  expect(result.status).toBe(0);
  return result.stdout.toString();
}

async function convert(core: string, ...words: string[]): Promise<string> {
  const dump = `${core}.dmp`;
  await mdmp('convert', core, dump, '--force', ...words);
  return dump;
}

interface Verdicts {
  breakpad: MinidumpDump;
  walk: Stackwalk;
  lldb: LldbReport;
  yaml: Obj2Yaml;
}

async function judge(file: string): Promise<Verdicts> {
  return {
    breakpad: await minidumpDump(file),
    walk: await minidumpStackwalk(file),
    lldb: await lldbDump(file, []),
    yaml: await obj2yaml(file),
  };
}

/** A second live dump follows gcore, which leaves some calls of the process with an EINTR: it goes round once. */
const ways = ['live', 'gcore', 'live again', 'core', 'handler'] as const;
const cores = ['gcore', 'core', 'handler'] as const;
const likeWhat = { gcore: 'live', core: 'live again', handler: 'live again' } as const;

const subjects = [
  { name: 'a program of 100 threads', start: async () => Program.start(await compile('threads100')) },
  { name: 'a static program', start: async () => Program.start(await compile('target', ['-static'])) },
  {
    name: 'a program with a newline in its path',
    start: async () => Program.start(copyAs(await compile('target'), 'a "näme"\nhere')),
  },
  {
    name: 'a Node process',
    start: () =>
      Program.start(process.execPath, [
        '--no-memory-reducer',
        join(root, 'test/programs/node-target.js'),
        '--quiet',
      ]),
  },
];

describeWith(needs, 'one process, dumped live, from cores and by the core handler', () => {
  describe.each(subjects)('$name', ({ start }) => {
    const of = {} as Record<(typeof ways)[number], Verdicts>;
    const files = {} as Record<(typeof ways)[number], string>;
    let pid: number;
    let names: Map<number, string>;
    let modules: Awaited<ReturnType<typeof modulesOf>>;
    let rseq: { start: bigint; end: bigint }[];

    beforeAll(async () => {
      const program = await start();
      pid = program.pid;
      const folder = temporaryFolder();
      await waitUntilStill(pid);
      names = new Map(threadIds(pid).map((tid) => [tid, threadName(pid, tid)]));
      modules = await modulesOf(pid);
      files.live = join(folder, 'live.dmp');
      await mdmp('dump', String(pid), '-o', files.live);
      await waitUntilStill(pid);
      files.gcore = await convert(await gcore(pid, folder));
      await waitUntilStill(pid);
      files['live again'] = join(folder, 'live-again.dmp');
      await mdmp('dump', String(pid), '-o', files['live again']);
      await waitUntilStill(pid);
      const both = await coreAndHandledCrash(program, temporaryFolder());
      files.core = await convert(both.core);
      files.handler = both.dump;
      for (const way of ways) of[way] = await judge(files[way]);
      const offsets = await Program.start(await compile('rseq-offset'));
      const [offset, length] = offsets.values.get('rseq')!.split(' ');
      // The kernel writes the CPU there whenever a thread goes on.
      rseq = of.live.breakpad.threads.map(({ teb }) => {
        const start = teb + BigInt(offset!);
        return { start, end: start + BigInt(length!) };
      });
    }, 300_000);
    afterAll(stopPrograms);

    it.each(ways)('%s: no judge complains', (way) => {
      const { breakpad, walk, lldb, yaml } = of[way];
      expect(breakpad.complaints).toEqual([]);
      expect(walk.complaints).toEqual([]);
      expect(lldb.complaints).toEqual([]);
      expect(yaml.complaints).toEqual([]);
      expect(lldb.pid).toBe(pid);
      expect(lldb.triple).toMatch(/^x86_64-.*linux/);
      expect(walk.os).toMatch(/^Linux\|/);
      expect(walk.cpu).toMatch(/^amd64\|/);
    });

    it.each(cores)('%s: the same threads, the main one first', (way) => {
      const ids = (verdicts: Verdicts) => verdicts.breakpad.threads.map(({ id }) => id);
      expect(ids(of[way])).toEqual(ids(of[likeWhat[way]]));
      expect(ids(of[way])[0]).toBe(pid);
      expect(of[way].lldb.threads.map(({ id }) => id).sort()).toEqual([...names.keys()].sort());
      const found = of[way].breakpad.threadNames;
      // A core has the name of the main thread only, gdb's not even that.
      const expected =
        way === 'handler' ? names : new Map(way === 'core' ? [[pid, names.get(pid)!.slice(0, 15)]] : []);
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
    });

    it.each(cores)('%s: the same registers', (way) => {
      for (const { id, context } of of[likeWhat[way]].yaml.threads) {
        const other = of[way].yaml.threads.find((thread) => thread.id === id)!.context;
        for (const name of Object.keys(contextRegisters)) {
          const [expected, actual] = [registerIn(context, name), registerIn(other, name)];
          const restarts = name === 'rax' && RESTART_CODES.has(expected) && RESTART_CODES.has(actual);
          if (!restarts) expect({ id, name, value: actual }).toEqual({ id, name, value: expected });
        }
      }
    });

    it.each(cores)('%s: the same modules, with the build ids that readelf prints', (way) => {
      const facts = (verdicts: Verdicts) =>
        verdicts.breakpad.modules.map(({ base, size, codeFile, buildId, debugIdentifier, version }) => ({
          base,
          size,
          codeFile,
          buildId,
          debugIdentifier,
          version,
        }));
      expect(facts(of[way])).toEqual(facts(of[likeWhat[way]]));
      const listed = of[way].breakpad.modules
        .filter(({ codeFile }) => codeFile !== 'linux-gate.so')
        .map(({ codeFile, base, buildId }) => ({ path: codeFile, base, buildId }))
        .sort((a, b) => (a.base < b.base ? -1 : 1));
      expect(listed).toEqual(modules.map(({ path, base, buildId }) => ({ path, base, buildId })));
    });

    it.each(cores)('%s: the same stacks, byte for byte', (way) => {
      for (const thread of of[likeWhat[way]].breakpad.threads) {
        const other = of[way].breakpad.threads.find(({ id }) => id === thread.id)!;
        expect([other.stackStart, other.stackSize]).toEqual([thread.stackStart, thread.stackSize]);
        expect(differences(thread.stackStart, other.stack!, thread.stack!, rseq)).toEqual([]);
      }
    });

    it.each(cores)('%s: the same memory around each instruction pointer', (way) => {
      const start = (verdicts: Verdicts) =>
        verdicts.yaml.memory.map(({ start, bytes }) => [start, bytes.length]);
      expect(start(of[way])).toEqual(start(of[likeWhat[way]]));
      of[likeWhat[way]].yaml.memory.forEach(({ start, bytes }, i) => {
        expect(differences(start, of[way].yaml.memory[i]!.bytes, bytes, rseq)).toEqual([]);
      });
    });

    it.each(cores)('%s: the same frames', (way) => {
      expect(of[way].walk.frames).toEqual(of[likeWhat[way]].walk.frames);
      const places = ({ lldb }: Verdicts) =>
        lldb.threads.map(({ id, frames }) => [id, frames.map(({ pc }) => pc)]);
      expect(places(of[way])).toEqual(places(of[likeWhat[way]]));
    });

    it.each(cores)('%s: the same texts', (way) => {
      for (const name of ['MD_LINUX_CMD_LINE', 'MD_LINUX_ENVIRON', 'MD_LINUX_AUXV']) {
        expect({ name, text: of[way].breakpad.texts.get(name) }).toEqual({
          name,
          text: of[likeWhat[way]].breakpad.texts.get(name),
        });
      }
    });

    it('only the crash has an exception', () => {
      expect(of.live.breakpad.exception).toBeUndefined();
      expect(of.gcore.breakpad.exception).toBeUndefined();
      for (const way of ['core', 'handler'] as const) {
        // Sent by kill: SIGSEGV without an address of a fault.
        const { exception, threads } = of[way].breakpad;
        expect(exception).toMatchObject({ threadId: pid, code: 11, address: threads[0]!.registers.rip });
        expect(of[way].walk.crash).toMatchObject({ reason: expect.stringContaining('SIGSEGV'), thread: 0 });
      }
    });
  });
});

/** Signal, si_code, and the address of the fault where it is known. */
const crashes = [
  { how: 'null', code: 11, reason: 'SIGSEGV /SEGV_MAPERR', address: 8n },
  { how: 'write-readonly', code: 11, reason: 'SIGSEGV /SEGV_ACCERR', address: undefined },
  { how: 'divide', code: 8, reason: 'SIGFPE / FPE_INTDIV', address: undefined },
  { how: 'illegal', code: 4, reason: 'SIGILL', address: undefined },
  { how: 'overflow', code: 11, reason: 'SIGSEGV', address: undefined },
  { how: 'abort', code: 6, reason: 'SIGABRT', address: undefined },
] as const;

describeWith(needs, 'crashes by way of the kernel', () => {
  afterEach(stopPrograms);
  for (const where of ['main', 'thread'] as const) {
    it.each(crashes)(`$how in ${where}: the core handler's dump and that of the core`, async (crash) => {
      const { how, code, reason, address } = crash;
      const folder = temporaryFolder();
      const start = async () => Program.start(await compile('crash'), [how, where]);
      const handled = await start();
      const fromCore = await start();
      const dumps = [
        { program: handled, file: await handledCrash(handled, folder, () => handled.send('go')) },
        {
          program: fromCore,
          file: await convert(await kernelCore(fromCore, folder, () => fromCore.send('go'))),
        },
      ];
      for (const { program, file } of dumps) {
        expect(statSync(file).mode & 0o777).toBe(0o600);
        const walk = await minidumpStackwalk(file);
        const dump = await minidumpDump(file);
        expect(walk.crash.reason).toContain(reason);
        expect(dump.exception?.code).toBe(code);
        if (address !== undefined) expect(dump.exception?.address).toBe(address);
        const fault = program.lines.find((line) => line.startsWith('fault='));
        if (fault !== undefined) expect(dump.exception?.address).toBe(BigInt(fault.slice(6)));
        expect(dump.exception?.threadId === program.pid).toBe(where === 'main');
        const frames = walk.frames[walk.crash.thread!]!;
        expect(frames.length).toBeGreaterThan(how === 'overflow' ? 5 : 1);
        if (how === 'abort') continue;
        expect(frames[0]!.module).toMatch(/^crash/);
        const module = walk.modules.find(({ name }) => name === frames[0]!.module)!;
        const into = module.start + frames[0]!.offset - BigInt(program.values.get('crash_function')!);
        expect(into).toBeGreaterThanOrEqual(how === 'overflow' ? -4096n : 0n);
        expect(into).toBeLessThan(4096n);
      }
    });
  }

  it('a process in a PID namespace of its own has the ids that the machine knows it by', async () => {
    const folder = temporaryFolder();
    const program = await Program.start('unshare', [
      ...['--pid', '--fork', '--mount-proc'],
      ...[await compile('crash'), 'null', 'thread'],
    ]);
    const pid = Number(readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'latin1'));
    const dump = await minidumpDump(await handledCrash(program, folder, () => program.send('go'), pid));
    expect(dump.threads.map(({ id }) => id)).toEqual([pid, dump.exception?.threadId]);
    expect(dump.threadNames.get(dump.exception!.threadId)).toBe('crasher');
    expect(dump.exception).toMatchObject({ code: 11, address: 8n });
  });

  it('a process whose whole core fits into the pipe is gone before it can be looked at: all is in the pipe', async () => {
    const folder = temporaryFolder();
    const program = await Program.start(await compile('target'));
    const tids = threadIds(program.pid);
    writeFileSync(`/proc/${program.pid}/coredump_filter`, '0');
    const dump = await minidumpDump(await handledCrash(program, folder));
    expect(dump.threads.map(({ id }) => id)).toEqual(tids);
    expect(dump.exception).toMatchObject({ threadId: program.pid, code: 11 });
    expect(dump.modules[0]!.codeFile).toBe(realpathSync(await compile('target')));
    // A core without the stack has the command line all the same, cut and with spaces.
    expect(dump.texts.get('MD_LINUX_CMD_LINE')).toMatch(/^\/.*target/);
    expect(dump.systemInfo.number_of_processors).not.toBe('0');
  });

  it('a secret that a callback removes is in no dump, not even in the environment', async () => {
    const secret = 'a-secret-of-the-customer';
    const folder = temporaryFolder();
    const program = await Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: secret } });
    const ranges = ['environment', 'heap', 'heap16', 'static', 'stack', 'thread-stack'].map((name) => {
      const { address, length } = program.range(name);
      return `{ address: ${address}n, size: ${length} }`;
    });
    const callback = join(folder, 'callback.mjs');
    writeFileSync(callback, `export const callbacks = { removeMemory: () => [${ranges.join(', ')}] };`);
    const core = await kernelCore(program, folder);
    for (const type of ['normal', 'full']) {
      const plain = readFileSync(await convert(core, '--type', type));
      expect(plain.includes(secret)).toBe(true);
      expect(plain.includes(Buffer.from(secret, 'utf16le'))).toBe(type === 'full');
      const kept = readFileSync(await convert(core, '--type', type, '--callback', callback));
      expect(kept.includes(secret)).toBe(false);
      expect(kept.includes(Buffer.from(secret, 'utf16le'))).toBe(false);
    }
  });

  it('a full dump has all that the core has, byte for byte', async () => {
    const folder = temporaryFolder();
    const program = await Program.start(await compile('target'));
    const core = await kernelCore(program, folder);
    const dump = new RawMemory64(await convert(core, '--type', 'full'));
    const printed = (await run(requireTool('readelf'), ['-lW', core])).stdout.toString();
    const file = readFileSync(core);
    let compared = 0;
    for (const [, offset, address, size] of printed.matchAll(
      /^ +LOAD +(0x[0-9a-f]+) (0x[0-9a-f]+) 0x[0-9a-f]+ (0x[0-9a-f]+)/gm,
    )) {
      const start = BigInt(address!);
      const end = start + BigInt(size!);
      // A stack is a range of its own.
      for (const range of dump.ranges.filter((one) => one.start < end && one.end > start)) {
        const from = range.start > start ? range.start : start;
        const length = Number((range.end < end ? range.end : end) - from);
        const at = Number(offset) + Number(from - start);
        expect(dump.read(from, length)!.equals(file.subarray(at, at + length)), address).toBe(true);
        compared += length;
      }
    }
    // All but the kernel's own pages ([vvar], [vsyscall]), which are in no dump.
    const stored = [...printed.matchAll(/^ +LOAD +\S+ \S+ \S+ (0x[0-9a-f]+)/gm)].map(([, size]) =>
      Number(size),
    );
    const total = stored.reduce((sum, size) => sum + size, 0);
    expect(compared).toBeGreaterThan(total - 64 * 1024);
    expect(compared).toBeLessThan(total);
    for (const name of ['data', 'bss', 'heap', 'stack', 'first helper', 'rodata']) {
      const { address, length } = program.range(name);
      expect(dump.read(address, length), name).toHaveLength(length);
    }
    dump.close();
  });
});

describeWith(needs, 'files under --sysroot', () => {
  let core: string;
  let path: string;
  let program: Program;
  let folder: string;
  afterAll(stopPrograms);
  beforeAll(async () => {
    folder = temporaryFolder();
    path = copyAs(await compile('target'), 'of-another-machine');
    program = await Program.start(path);
    core = await kernelCore(program, folder);
  });

  const report = async (...words: string[]) =>
    JSON.parse(await mdmp('convert', core, `${core}.dmp`, '--force', '--json', '--type', 'full', ...words));
  /** A root with this file in place of the program's. */
  const rootWith = (name: string, place: (file: string) => void) => {
    const sysroot = join(folder, name);
    mkdirSync(join(sysroot, dirname(path)), { recursive: true });
    place(join(sysroot, path));
    return sysroot;
  };
  const rodata = () => {
    const dump = new RawMemory64(`${core}.dmp`);
    const { address, length } = program.range('rodata');
    const bytes = dump.read(address, length);
    dump.close();
    return bytes?.toString('latin1').replace(/\0+$/, '');
  };

  it('fill what the core left out', async () => {
    const sysroot = rootWith('right', (file) => writeFileSync(file, readFileSync(path)));
    const { warnings } = await report('--sysroot', sysroot);
    expect(rodata()).toBe('read-only data of the test program');
    expect(warnings).toContainEqual(
      `memory that the core left out was taken from files with the same build id: ${path}`,
    );
  });

  it('are found through symbolic links, which do not lead out', async () => {
    const sysroot = rootWith('linked', (file) => {
      writeFileSync(join(folder, 'linked', 'elsewhere'), readFileSync(path));
      symlinkSync('/elsewhere', file);
    });
    await report('--sysroot', sysroot);
    expect(rodata()).toBe('read-only data of the test program');
    const out = rootWith('out', (file) => symlinkSync(`${'../'.repeat(20)}${path}`.replace('//', '/'), file));
    await report('--sysroot', out);
    expect(rodata()).toBeUndefined();
  });

  it('are not used if they are another build', async () => {
    const other = await compile('crash');
    const sysroot = rootWith('wrong', (file) => writeFileSync(file, readFileSync(other)));
    const { warnings } = await report('--sysroot', sysroot);
    expect(rodata()).toBeUndefined();
    expect(warnings).toContainEqual(expect.stringMatching(/is another build than the one in the core/));
  });

  it('are left alone with --no-sysroot', async () => {
    const { warnings, modules } = await report('--no-sysroot');
    expect(rodata()).toBeUndefined();
    expect(warnings.join()).not.toContain('taken from');
    expect(modules.written).toBe(4);
  });
});
