import { statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type GdbThread,
  gdbLive,
  type LldbReport,
  lldbDump,
  type MinidumpDump,
  minidumpDump,
  minidumpStackwalk,
  type Obj2Yaml,
  obj2yaml,
  type Registers,
  type Stackwalk,
} from '../support/judges.js';
import {
  contextRegisters,
  debugIdentifier,
  differences,
  type ExpectedModule,
  type Mapping,
  mappingsOf,
  modulesOf,
  presentRanges,
  RawMemory64,
  registerIn,
  walkName,
} from '../support/live.js';
import {
  compile,
  copyAs,
  Program,
  readProcessMemory,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
  threadName,
  waitUntilStill,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

/** What a system call that was interrupted leaves in rax while the thread is stopped; a debugger sees one of these too. */
const RESTART_CODES = new Set([-4n, -512n, -513n, -514n, -516n].map((code) => BigInt.asUintN(64, code)));

/** Mappings that are the kernel's. */
const NOT_MEMORY = /^\[(vvar|vvar_vclock|vsyscall)\]$/;

interface Subject {
  name: string;
  start: () => Promise<{ program: Program; files?: Record<string, string> }>;
  threads: number | undefined;
  /** Functions that LLDB must find on the stacks, innermost first, and on how many threads at least. */
  functions?: { names: string[]; threads: number };
}

const subjects: Subject[] = [
  {
    name: 'a program of 100 threads',
    start: async () => ({ program: await Program.start(await compile('threads100')) }),
    threads: 100,
    functions: { names: ['innermost', 'middle', 'outermost', 'body'], threads: 99 },
  },
  {
    name: 'a Node process',
    start: async () => ({
      program: await Program.start(process.execPath, [
        '--no-memory-reducer',
        join(root, 'test/programs/node-target.js'),
        '--quiet',
      ]),
    }),
    threads: undefined,
  },
  {
    name: 'a static program',
    start: async () => ({ program: await Program.start(await compile('target', ['-static'])) }),
    threads: 3,
    functions: { names: ['wait_inside', 'wait_nested'], threads: 3 },
  },
  {
    name: 'a position-dependent program',
    start: async () => ({ program: await Program.start(await compile('target', ['-no-pie'])) }),
    threads: 3,
    functions: { names: ['wait_inside', 'wait_nested'], threads: 3 },
  },
  {
    name: 'a program whose file was deleted',
    start: async () => {
      const original = await compile('target');
      const path = copyAs(original, 'soon-deleted');
      const program = await Program.start(path);
      unlinkSync(path);
      return { program, files: { [path]: original } };
    },
    threads: 3,
  },
  {
    name: 'a program with spaces, quotes, non-ASCII and a newline in its path',
    start: async () => ({
      program: await Program.start(copyAs(await compile('target'), 'a "näme"\n\'with\' 空白')),
    }),
    threads: 3,
    functions: { names: ['wait_inside', 'wait_nested'], threads: 3 },
  },
];

/** One dump and what every judge says of it. */
interface Verdicts {
  file: string;
  breakpad: MinidumpDump;
  walk: Stackwalk;
  lldb: LldbReport;
  yaml: Obj2Yaml;
}

/** What gdb, the kernel and readelf say of the process itself. */
interface Truth {
  pid: number;
  program: Program;
  threads: GdbThread[];
  names: Map<number, string>;
  modules: ExpectedModule[];
  vdso: bigint;
  /** What of its readable memory exists, as it was before anybody read it: reading makes pages present. */
  present: Mapping[];
  /** Where the kernel writes the number of the CPU when a thread goes on: the only bytes of a still process that change. */
  rseq: { start: bigint; end: bigint }[];
}

const tools = [
  'gcc',
  'gdb',
  'readelf',
  'minidump_dump',
  'minidump_stackwalk',
  'lldb-19',
  'obj2yaml-19',
] as const;

describeWith([needsLinux, needsBuild, ...tools], 'dumps before the judges', () => {
  describe.each(subjects)('$name', (subject) => {
    let truth: Truth;
    const dumps = {} as Record<'normal' | 'full', Verdicts>;

    beforeAll(async () => {
      const { program, files } = await subject.start();
      const { pid } = program;
      await waitUntilStill(pid);
      const mappings = mappingsOf(pid);
      const present = mappings
        .filter(({ protection, path }) => protection.startsWith('r') && !NOT_MEMORY.test(path))
        .flatMap((mapping) => presentRanges(pid, mapping));
      const folder = temporaryFolder();
      const reads = [...program.values].flatMap(([name, value]) =>
        /^0x[0-9a-f]+ \d+$/.test(value) ? [program.range(name)] : [],
      );
      for (const type of ['normal', 'full'] as const) {
        const file = join(folder, `${type}.dmp`);
        const result = await run(process.execPath, [
          join(root, 'dist/cli/main.js'),
          'dump',
          String(pid),
          '-o',
          file,
          '--type',
          type,
        ]);
        expect(result.stderr.toString(), 'mdmp dump complains').toBe('');
        expect(result.status).toBe(0);
        await waitUntilStill(pid);
        dumps[type] = {
          file,
          breakpad: await minidumpDump(file),
          walk: await minidumpStackwalk(file),
          lldb: await lldbDump(file, reads),
          yaml: await obj2yaml(file),
        };
      }
      const threads = await gdbLive(pid, { heal: true });
      await waitUntilStill(pid);
      const rseq = await Program.start(await compile('rseq-offset'));
      const [rseqOffset, rseqLength] = rseq.values.get('rseq')!.split(' ');
      truth = {
        pid,
        program,
        names: new Map(threadIds(pid).map((tid) => [tid, threadName(pid, tid)])),
        modules: await modulesOf(pid, files),
        present,
        vdso: mappings.find(({ path }) => path === '[vdso]')!.start,
        threads,
        rseq: threads.map(({ registers }) => {
          const start = registers.fs_base! + BigInt(rseqOffset!);
          return { start, end: start + BigInt(rseqLength!) };
        }),
      };
    }, 300_000);
    afterAll(stopPrograms);

    /** Where bytes of a dump differ from the memory of the process now. */
    const unlikeLive = (address: bigint, bytes: Buffer): string[] =>
      differences(address, bytes, readProcessMemory(truth.pid, address, bytes.length), truth.rseq);

    describe.each(['normal', 'full'] as const)('%s', (type) => {
      it('is read by minidump_dump without complaint', () => {
        const { breakpad } = dumps[type];
        expect(breakpad.complaints).toEqual([]);
        // Optional streams whose absence is right: no crash, no assertion, none of Breakpad's or Crashpad's own.
        const optional = [
          'GetException',
          'GetAssertion',
          'GetBreakpadInfo',
          'GetCrashpadInfo',
          'GetUnloadedModuleList',
        ];
        const bare = type === 'normal' ? ['GetMemoryInfoList'] : ['GetMemoryInfoList', 'GetMemoryList'];
        expect(breakpad.absent.filter((getter) => ![...optional, ...bare].includes(getter))).toEqual([]);
        expect(breakpad.exception).toBeUndefined();
      });

      it('is read by minidump_stackwalk without complaint', () => {
        expect(dumps[type].walk.complaints).toEqual([]);
        expect(dumps[type].walk.os).toMatch(/^Linux\|/);
        expect(dumps[type].walk.cpu).toMatch(/^amd64\|/);
      });

      it('is read by LLDB without complaint', () => {
        expect(dumps[type].lldb.complaints).toEqual([]);
        expect(dumps[type].lldb.pid).toBe(truth.pid);
        expect(dumps[type].lldb.triple).toMatch(/^x86_64-.*linux/);
      });

      it('is read by obj2yaml without complaint', () => {
        expect(dumps[type].yaml.complaints).toEqual([]);
        // A stream that LLVM does not know is written as a number; those that it knows must be understood.
        expect(dumps[type].yaml.streams).toEqual(
          expect.arrayContaining(['SystemInfo', 'ThreadList', 'ModuleList', 'LinuxMaps']),
        );
        expect(dumps[type].yaml.streams).toContain(type === 'full' ? 'Memory64List' : 'MemoryList');
      });

      it('has the threads of the process, and their names', () => {
        const { breakpad, lldb, yaml, walk } = dumps[type];
        const tids = [...truth.names.keys()];
        if (subject.threads !== undefined) expect(tids).toHaveLength(subject.threads);
        expect(truth.threads.map(({ id }) => id).sort(ascending)).toEqual(tids);
        expect(breakpad.threads.map(({ id }) => id).sort(ascending)).toEqual(tids);
        expect(lldb.threads.map(({ id }) => id).sort(ascending)).toEqual(tids);
        expect(yaml.threads.map(({ id }) => id).sort(ascending)).toEqual(tids);
        expect(walk.frames).toHaveLength(tids.length);
        expect(breakpad.threads[0]!.id, 'the main thread comes first').toBe(truth.pid);
        expect(Object.fromEntries(breakpad.threadNames)).toEqual(Object.fromEntries(truth.names));
      });

      it('has the registers that gdb sees', () => {
        const { breakpad, lldb, yaml } = dumps[type];
        for (const { id, registers } of truth.threads) {
          const context = yaml.threads.find((thread) => thread.id === id)!.context;
          const found: Registers = {};
          for (const name of Object.keys(contextRegisters)) found[name] = registerIn(context, name);
          const { expected, actual } = comparable(registers, found);
          expect({ id, ...actual }).toEqual({ id, ...expected });

          for (const other of [
            breakpad.threads.find((thread) => thread.id === id)!.registers,
            lldb.threads.find((thread) => thread.id === id)!.registers,
          ]) {
            for (const name of 'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip'.split(
              ' ',
            )) {
              expect({ id, name, value: other[name] }).toEqual({ id, name, value: found[name] });
            }
          }
        }
      });

      it('has the values that the program keeps in its registers', () => {
        const lines = truth.program.lines.filter((line) => line.startsWith('thread='));
        if (subject.name !== 'a program of 100 threads') return expect(lines).toEqual([]);
        let checked = 0;
        for (const line of lines) {
          const [tid, , kind, , seedText] = line.slice('thread='.length).split('|');
          if (kind !== 'raw') continue;
          const context = dumps[type].yaml.threads.find(({ id }) => id === Number(tid))!.context;
          const seed = BigInt(seedText!);
          for (const [name, low] of [
            ['rbx', 1n],
            ['rbp', 2n],
            ['r12', 12n],
            ['r13', 13n],
            ['r14', 14n],
            ['r15', 15n],
          ] as const) {
            expect(registerIn(context, name)).toBe(seed | low);
          }
          expect(registerIn(context, 'mxcsr')).toBe(0x3f80n);
          for (let i = 0n; i < 16n; i++) {
            const low = seed | (16n + i);
            expect(registerIn(context, `xmm${i}`)).toBe((BigInt.asUintN(64, ~low) << 64n) | low);
          }
          checked++;
        }
        expect(checked).toBe(75);
        return undefined;
      });

      it('has the modules of the process with the build ids that readelf prints', () => {
        const { breakpad, lldb, yaml, walk } = dumps[type];
        const expected = truth.modules.map(({ path, base, buildId }) => ({ path, base, buildId }));
        const without = <T extends { base: bigint }>(modules: T[]) =>
          modules.filter(({ base }) => base !== truth.vdso).sort(byBase);

        const ofBreakpad = without(breakpad.modules);
        expect(ofBreakpad.map(({ codeFile, base, buildId }) => ({ path: codeFile, base, buildId }))).toEqual(
          expected,
        );
        expect(breakpad.modules).toHaveLength(expected.length + 1);
        expect(breakpad.modules.find(({ base }) => base === truth.vdso)!.codeFile).toBe('linux-gate.so');
        ofBreakpad.forEach((module, i) => {
          expect(module.base + module.size).toBeGreaterThanOrEqual(truth.modules[i]!.end);
          expect(module.debugIdentifier).toBe(debugIdentifier(module.buildId!));
          expect(module.codeIdentifier).toBe(module.buildId);
        });

        expect(without(lldb.modules).map(({ path, base, buildId }) => ({ path, base, buildId }))).toEqual(
          expected,
        );
        expect(
          without(yaml.modules).map(({ name, base, codeView }) => ({
            path: name,
            base,
            buildId:
              codeView.subarray(0, 4).toString('latin1') === 'LEpB'
                ? codeView.subarray(4).toString('hex')
                : undefined,
          })),
        ).toEqual(expected);
        expect(
          walk.modules
            .filter(({ start }) => start !== truth.vdso)
            .map(({ name, start, debugIdentifier: id }) => ({ name, start, id })),
        ).toEqual(
          expected.map(({ path, base, buildId }) => ({
            name: walkName(path),
            start: base,
            id: debugIdentifier(buildId!),
          })),
        );
        const mainPath = truth.modules.find(
          ({ base }) => base === walk.modules.find(({ main }) => main)?.start,
        )?.path;
        expect(mainPath).toBe(breakpad.modules[0]!.codeFile);
        expect(breakpad.texts.get('MD_LINUX_MAPS')?.split('\n')[0]).toMatch(/^[0-9a-f]+-[0-9a-f]+ r/);
      });

      it('has the stacks as they are in memory', () => {
        const { breakpad, yaml } = dumps[type];
        for (const thread of breakpad.threads) {
          const sp = thread.registers.rsp!;
          expect(thread.stackStart, `thread ${thread.id}: the red zone`).toBeLessThanOrEqual(sp - 128n);
          expect(thread.stackStart + BigInt(thread.stackSize)).toBeGreaterThan(sp);
          expect(unlikeLive(thread.stackStart, thread.stack!)).toEqual([]);
          const { stack, stackStart } = yaml.threads.find(({ id }) => id === thread.id)!;
          expect(stackStart).toBe(thread.stackStart);
          expect(stack).toHaveLength(thread.stackSize);
          expect(unlikeLive(stackStart, stack)).toEqual([]);
        }
      });

      it('is walked: each thread begins at its instruction pointer, in the right module', () => {
        const { breakpad, walk, lldb } = dumps[type];
        breakpad.threads.forEach((thread, i) => {
          const rip = thread.registers.rip!;
          const module = truth.modules.find(({ base, end }) => rip >= base && rip < end)!;
          expect(walk.frames[i]![0]).toMatchObject({
            module: walkName(module.path),
            offset: rip - module.base,
          });
          expect(walk.frames[i]!.length, `thread ${thread.id}: more than one frame`).toBeGreaterThan(1);
          expect(lldb.threads.find(({ id }) => id === thread.id)!.frames[0]).toMatchObject({
            pc: rip,
            module: module.path,
          });
        });
        if (subject.functions) {
          const { names, threads } = subject.functions;
          const complete = lldb.threads.filter(({ frames }) => {
            const found = frames.map((frame) => frame.function);
            const at = found.indexOf(names[0]!);
            return at >= 0 && names.every((name, k) => found[at + k] === name);
          });
          expect(complete.length, `threads with ${names.join(' ← ')}`).toBe(threads);
        }
      });
    });

    it('normal has the memory that it lists', () => {
      const { breakpad, yaml, lldb } = dumps.normal;
      expect(breakpad.memory.length).toBeGreaterThan(0);
      for (const { start, size, bytes } of breakpad.memory) {
        expect(bytes).toHaveLength(size);
        expect(unlikeLive(start, bytes!)).toEqual([]);
      }
      expect(yaml.memory.map(({ start, bytes }) => [start, bytes.toString('base64')])).toEqual(
        breakpad.memory.map(({ start, bytes }) => [start, bytes!.toString('base64')]),
      );
      const names = [...truth.program.values]
        .filter(([, value]) => /^0x[0-9a-f]+ \d+$/.test(value))
        .map(([name]) => name);
      names.forEach((name, i) => {
        const { address, length } = truth.program.range(name);
        const isStack = /stack|helper/.test(name);
        const read = lldb.reads[i];
        if (isStack) expect(read?.equals(readProcessMemory(truth.pid, address, length)), name).toBe(true);
      });
    });

    it('full has all memory of the process, byte for byte', () => {
      const memory = new RawMemory64(dumps.full.file);
      try {
        expect(dumps.full.yaml.memory64).toEqual(
          memory.ranges.map(({ start, end }) => ({ start, size: end - start })),
        );
        expect(
          memory.ranges.at(-1)!.offset + Number(memory.ranges.at(-1)!.end - memory.ranges.at(-1)!.start),
        ).toBeLessThanOrEqual(statSync(dumps.full.file).size);
        // No range twice.
        const ordered = memory.ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1));
        ordered.forEach((range, i) => {
          if (i > 0) expect(range.start).toBeGreaterThanOrEqual(ordered[i - 1]!.end);
        });
        // Everything that exists in readable memory is there.
        const missing = truth.present.flatMap(({ start, end, path }) =>
          gaps(start, end, ordered).map(
            (gap) => `0x${gap.start.toString(16)}-0x${gap.end.toString(16)} ${path}`,
          ),
        );
        expect(truth.present.length).toBeGreaterThan(5);
        expect(missing).toEqual([]);
        // And all that is there is as it is in the process.
        const wrong: string[] = [];
        for (const { start, end } of memory.ranges) {
          for (let at = start; at < end; at += 1n << 24n) {
            const length = Number(end - at < 1n << 24n ? end - at : 1n << 24n);
            wrong.push(...unlikeLive(at, memory.read(at, length)!));
          }
        }
        expect(wrong).toEqual([]);
      } finally {
        memory.close();
      }
    });

    it('full gives LLDB the bytes that the program speaks of', () => {
      const ranges = [...truth.program.values].filter(([, value]) => /^0x[0-9a-f]+ \d+$/.test(value));
      ranges.forEach(([name], i) => {
        const { address, length } = truth.program.range(name);
        expect(dumps.full.lldb.reads[i]?.equals(readProcessMemory(truth.pid, address, length)), name).toBe(
          true,
        );
      });
      expect(dumps.full.lldb.reads).toHaveLength(ranges.length);
    });

    it('leaves the process running and free', async () => {
      expect(statusField(truth.pid, 'TracerPid')).toBe('0');
      expect(statusField(truth.pid, 'State')).toMatch(/^S/);
      expect([...truth.names.keys()]).toEqual(threadIds(truth.pid));
      // It answers: threads that were stopped go on.
      await truth.program.command('report');
    });
  });
});

/**
 * The registers of both sides that must agree. rax of an interrupted call is one of the kernel's restart codes, and which one
 * may differ from stop to stop; status bits of mxcsr and the floating-point exceptions stay as they are.
 */
function comparable(gdb: Registers, dump: Registers): { expected: Registers; actual: Registers } {
  const expected: Registers = {};
  const actual: Registers = {};
  for (const name of Object.keys(contextRegisters)) {
    expected[name] = gdb[name]!;
    actual[name] = dump[name]!;
  }
  if (RESTART_CODES.has(expected.rax!) && RESTART_CODES.has(actual.rax!)) actual.rax = expected.rax!;
  return { expected, actual };
}

/** What of `start`…`end` no range holds; the ranges ascend. */
function gaps(start: bigint, end: bigint, ranges: readonly { start: bigint; end: bigint }[]) {
  const found: { start: bigint; end: bigint }[] = [];
  let at = start;
  for (const range of ranges) {
    if (range.end <= at) continue;
    if (range.start >= end) break;
    if (range.start > at) found.push({ start: at, end: range.start });
    at = range.end;
  }
  if (at < end) found.push({ start: at, end });
  return found;
}

const ascending = (a: number, b: number) => a - b;
const byBase = (a: { base: bigint }, b: { base: bigint }) => (a.base < b.base ? -1 : 1);
