import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { MINIDUMP_TYPE, Minidump, writeMinidump } from '../../dist/index.js';
import { expectNoneDisturbed } from '../support/again-and-again.js';
import { gdbLive, lldbDump, minidumpDump, minidumpStackwalk, type Registers } from '../support/judges.js';
import { debugIdentifier, differences, mappingsOf, modulesOf, RawMemory64 } from '../support/live.js';
import {
  compile,
  Program,
  readProcessMemory,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
  threadName,
  waitUntilStill,
} from '../support/programs.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

afterEach(stopPrograms);

const needs = ['gcc', 'gcc -m32', needsLinux, needsBuild] as const;
const M32 = ['-m32', '-msse2'];

/** Offsets in the x86 CONTEXT, as winnt.h has them; sizes in bytes. */
const places: Record<string, [offset: number, size: number]> = {
  fctrl: [0x1c, 2],
  fstat: [0x20, 2],
  ftag: [0x24, 2],
  fioff: [0x28, 4],
  fooff: [0x30, 4],
  gs: [0x8c, 4],
  fs: [0x90, 4],
  es: [0x94, 4],
  ds: [0x98, 4],
  edi: [0x9c, 4],
  esi: [0xa0, 4],
  ebx: [0xa4, 4],
  edx: [0xa8, 4],
  ecx: [0xac, 4],
  eax: [0xb0, 4],
  ebp: [0xb4, 4],
  eip: [0xb8, 4],
  cs: [0xbc, 4],
  eflags: [0xc0, 4],
  esp: [0xc4, 4],
  ss: [0xc8, 4],
  mxcsr: [0xcc + 24, 4],
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`st${i}`, [0x38 + 10 * i, 10]])),
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`xmm${i}`, [0xcc + 160 + 16 * i, 16]])),
};
const CONTEXT_SIZE = 716;

function registersIn(context: Uint8Array): Registers {
  return Object.fromEntries(
    Object.entries(places).map(([name, [offset, size]]) => [
      name,
      BigInt(
        `0x${Buffer.from(context.subarray(offset, offset + size))
          .reverse()
          .toString('hex')}`,
      ),
    ]),
  );
}

describeWith(
  [...needs, 'gdb', 'readelf', 'minidump_dump', 'minidump_stackwalk', 'lldb-19'],
  'a 32-bit process on this 64-bit kernel',
  () => {
    it('has the registers, stacks and modules that others see', async () => {
      const program = await Program.start(await compile('registers32', M32));
      const { pid } = program;
      await waitUntilStill(pid);
      const file = join(temporaryFolder(), 'x86.dmp');
      await writeMinidump(pid, file, { type: MINIDUMP_TYPE.MiniDumpNormal });
      const dump = Minidump.openSync(readFileSync(file));
      const breakpad = await minidumpDump(file);
      const walk = await minidumpStackwalk(file);
      const lldb = await lldbDump(file);
      expect([breakpad.complaints, walk.complaints, lldb.complaints]).toEqual([[], [], []]);
      expect(walk.cpu).toMatch(/^x86\|GenuineIntel|AuthenticAMD/);
      expect(lldb.triple).toMatch(/^i[3-6]86-.*linux/);
      expect(breakpad.systemInfo.processor_architecture).toBe('0x0 (x86)');

      const threads = new Map(dump.getSync('threads')!.map((thread) => [thread.ThreadId, thread]));
      expect([...threads.keys()].sort()).toEqual(threadIds(pid).sort());
      expect(breakpad.threadNames).toEqual(new Map(threadIds(pid).map((tid) => [tid, threadName(pid, tid)])));

      const rseq = await Program.start(await compile('rseq-offset', M32));
      const [rseqOffset, rseqLength] = rseq.values.get('rseq')!.split(' ');
      await rseq.stop();
      // gdb, of the process that still stands where it stood.
      const live = await gdbLive(pid, { heal: true });
      expect(live.map(({ id }) => id).sort()).toEqual([...threads.keys()].sort());
      for (const { id, registers } of live) {
        const { context } = threads.get(id)!;
        expect(context!.bytes.length).toBe(CONTEXT_SIZE);
        const found = registersIn(context!.bytes);
        for (const name of Object.keys(places)) {
          expect({ id, name, value: found[name] }).toEqual({ id, name, value: registers[name] });
        }
        // The same by the readers.
        for (const name of 'eax ebx ecx edx esi edi ebp esp eip eflags'.split(' ')) {
          expect(context!.register(name), name).toBe(found[name]);
          const byBreakpad = breakpad.threads.find((thread) => thread.id === id)!.registers[name];
          const byLldb = lldb.threads.find((thread) => thread.id === id)!.registers[name];
          expect({ name, byBreakpad, byLldb }).toEqual({
            name,
            byBreakpad: found[name],
            byLldb: found[name],
          });
        }
        const stack = breakpad.threads.find((thread) => thread.id === id)!;
        expect(stack.stackStart).toBe(found.esp! - 4n);
        // The kernel writes the number of the processor into the rseq area, which lies above the stack of a thread.
        const at = threads.get(id)!.Teb + BigInt(rseqOffset!);
        const rseqArea = { start: at, end: at + BigInt(rseqLength!) };
        const now = readProcessMemory(pid, stack.stackStart, stack.stackSize);
        expect(differences(stack.stackStart, stack.stack!, now, [rseqArea])).toEqual([]);
      }

      // What the program gave them.
      for (const [name, depth] of [
        ['empty', 0],
        ['one', 1],
        ['five', 5],
        ['full', 8],
      ] as const) {
        const [tid, seedText, pointer] = program.values.get(name)!.split(' ');
        const thread = threads.get(Number(tid))!;
        const seed = BigInt(seedText!);
        const found = registersIn(thread.context!.bytes);
        expect(thread.Teb).toBe(BigInt(pointer!));
        for (const [i, register] of ['ebx', 'ecx', 'edx', 'esi', 'edi'].entries()) {
          expect(found[register]).toBe(seed + BigInt(i + 1));
        }
        expect(found.mxcsr).toBe(0x3f80n);
        for (let i = 0n; i < 8n; i++) {
          const word = (k: bigint) => seed | (i << 8n) | (k + 1n);
          expect(found[`xmm${i}`]).toBe(word(0n) | (word(1n) << 32n) | (word(2n) << 64n) | (word(3n) << 96n));
        }
        expect([...Array(8).keys()].filter((i) => ((found.ftag! >> BigInt(2 * i)) & 3n) !== 3n).length).toBe(
          depth,
        );

        const frames = lldb.threads.find(({ id }) => id === Number(tid))!.frames;
        expect(frames.slice(0, 4).map((frame) => frame.function)).toEqual([
          'stand',
          'middle',
          'outermost',
          'body',
        ]);
        const index = breakpad.threads.findIndex(({ id }) => id === Number(tid));
        expect(walk.frames[index]!.slice(0, 4).map(({ module }) => module)).toEqual(
          Array(4).fill(walk.modules.find(({ main }) => main)!.name),
        );
      }

      const vdso = mappingsOf(pid).find(({ path }) => path === '[vdso]')!.start;
      const modules = breakpad.modules.filter(({ base }) => base !== vdso);
      expect(breakpad.modules.find(({ base }) => base === vdso)!.codeFile).toBe('linux-gate.so');
      expect(
        modules
          .map(({ codeFile, base, buildId, debugIdentifier }) => ({
            codeFile,
            base,
            buildId,
            debugIdentifier,
          }))
          .sort((a, b) => (a.base < b.base ? -1 : 1)),
      ).toEqual(
        (await modulesOf(pid)).map(({ path, base, buildId }) => ({
          codeFile: path,
          base,
          buildId,
          debugIdentifier: debugIdentifier(buildId!),
        })),
      );
      // The dynamic linker's own list: MDRawDebug32.
      const debug = dump.getSync('linuxDsoDebug')!;
      const named = debug.objects.filter(({ name }) => name?.startsWith('/'));
      expect(named.length).toBeGreaterThanOrEqual(2);
      for (const { name, addr } of named) {
        expect(
          modules
            .find(({ base }) => base === addr)
            ?.codeFile.split('/')
            .at(-1),
        ).toBe(name!.split('/').at(-1));
      }
      expect(debug.version).toBe(1);
      const entry = dump.getSync('linuxAuxv')!.find(({ type }) => type === 9)!.value;
      const main = modules.find(({ codeFile }) => codeFile === breakpad.modules[0]!.codeFile)!;
      expect(entry >= main.base && entry < main.base + main.size).toBe(true);
    });

    it('has the fault on top when its signal handler asks for the dump', async () => {
      for (const [how, signal, name] of [
        ['null', 11, 'SIGSEGV'],
        ['divide', 8, 'SIGFPE'],
      ] as const) {
        const file = join(temporaryFolder(), 'crash.dmp');
        const command = [process.execPath, join(root, 'dist/cli/main.js')];
        const program = await Program.start(await compile('crash', M32), [how, 'thread', file, ...command]);
        program.send('go');
        expect(await program.end()).toBe(name);
        expect(await program.rest()).toContain('dumper=0');
        const dump = await minidumpDump(file);
        expect(dump.exception?.code).toBe(signal);
        const walk = await minidumpStackwalk(file);
        expect(walk.crash.reason).toContain(name);
        const frame = walk.frames[walk.crash.thread!]![0]!;
        const main = walk.modules.find((module) => module.main)!;
        expect(frame.module).toBe(main.name);
        const into = main.start + frame.offset - BigInt(program.values.get('crash_function')!);
        expect(into).toBeGreaterThanOrEqual(0n);
        expect(into).toBeLessThan(4096n);
        if (how === 'null') expect(dump.exception?.address).toBe(8n);
        // The state of the x87, which lies behind a pointer in the ucontext: initial, and with all exceptions masked.
        const context = Minidump.openSync(readFileSync(file)).getSync('exception')!.context!;
        expect(registersIn(context.bytes)).toMatchObject({ fctrl: 0x37fn, ftag: 0xffffn, mxcsr: 0x1f80n });
      }
    });
  },
);

describeWith(needs, 'a 32-bit process that is dumped again and again', () => {
  for (const [name, tasks] of [
    ['busy', 47],
    ['calls32', 33],
  ] as const) {
    it(`sees no EINTR, loses no time limit and no data in 100 dumps: ${name}`, async () => {
      const program = await Program.start(await compile(name, M32));
      const file = join(temporaryFolder(), 'd.dmp');
      await expectNoneDisturbed(program, tasks, () => writeMinidump(program.pid, file, { force: true }));
    });
  }

  it('is not dumped while a thread of it runs 64-bit code, whose registers would be cut', async () => {
    const program = await Program.start(await compile('long-mode', [...M32, '-no-pie', '-fno-pie']));
    const error = await writeMinidump(program.pid, join(temporaryFolder(), 'd.dmp')).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'unsupported' });
    expect(error.message).toMatch(/runs 64-bit code/);
    expect(program.exited).toBe(false);
    expect(statusField(program.pid, 'TracerPid')).toBe('0');
  });

  it('has its memory in a full dump, byte for byte', async () => {
    const program = await Program.start(await compile('target', M32));
    await waitUntilStill(program.pid);
    const file = join(temporaryFolder(), 'full.dmp');
    await writeMinidump(program.pid, file, { type: MINIDUMP_TYPE.MiniDumpWithFullMemory });
    const memory = new RawMemory64(file);
    try {
      for (const name of ['data', 'rodata', 'bss', 'heap', 'first helper', 'second helper', 'stack']) {
        const { address, length } = program.range(name);
        expect(address).toBeLessThan(1n << 32n);
        expect(memory.read(address, length), name).toEqual(readProcessMemory(program.pid, address, length));
      }
    } finally {
      memory.close();
    }
  });

  it('is dumped without waiting for a thread that sits in vfork', async () => {
    const program = await Program.start(await compile('vfork-parent', M32));
    const file = join(temporaryFolder(), 'v.dmp');
    await writeMinidump(program.pid, file);
    const threads = Minidump.openSync(readFileSync(file)).getSync('threads')!;
    const maps = mappingsOf(program.pid);
    for (const { context, Stack } of threads) {
      expect(context!.is('x86')).toBe(true);
      expect(
        maps.some(({ start, end }) => context!.stackPointer >= start && context!.stackPointer < end),
      ).toBe(true);
      expect(Stack.StartOfMemoryRange).toBe(context!.stackPointer - 4n);
    }
  });
});
