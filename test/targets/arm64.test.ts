import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Minidump } from '../../src/index.js';
import { lldbDump, minidumpDump, minidumpStackwalk, type Registers } from '../support/judges.js';
import { describeWith, root } from '../support/tools.js';

/**
 * What was recorded in a virtual machine of ARM64 (test/fixtures/arm64/README.md): dumps of test/programs/arm64.c, and what
 * gdb said of the same threads while they still stood there.
 */
const fixture = (name: string) => join(root, 'test/fixtures/arm64', name);

interface GdbThread {
  id: number;
  registers: Record<string, string>;
}
const gdb = (name: string): GdbThread[] => JSON.parse(readFileSync(fixture(name), 'utf8')).threads;

/** Offsets in the ARM64 CONTEXT, as winnt.h has them; sizes in bytes. */
const places: Record<string, [offset: number, size: number]> = {
  cpsr: [4, 4],
  ...Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`x${i}`, [8 + 8 * i, 8]])),
  sp: [0x100, 8],
  pc: [0x108, 8],
  ...Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`v${i}`, [0x110 + 16 * i, 16]])),
  fpcr: [0x310, 4],
  fpsr: [0x314, 4],
};

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

function sameAsGdb(context: Uint8Array, { id, registers }: GdbThread): void {
  expect(context.length).toBe(912);
  const found = registersIn(context);
  for (const name of Object.keys(places)) {
    expect({ id, name, value: found[name] }).toEqual({ id, name, value: BigInt(`0x${registers[name]}`) });
  }
}

describeWith(
  ['minidump_dump', 'minidump_stackwalk', 'lldb-19'],
  'what was recorded of a process on ARM64',
  () => {
    it('has the registers that gdb saw there, and those that the program keeps', () => {
      const dump = Minidump.openSync(readFileSync(fixture('still.dmp')));
      const threads = new Map(dump.getSync('threads')!.map((thread) => [thread.ThreadId, thread]));
      const live = gdb('still-gdb.json');
      expect(live.map(({ id }) => id).sort()).toEqual([...threads.keys()].sort());
      for (const one of live) {
        const thread = threads.get(one.id)!;
        sameAsGdb(thread.context!.bytes, one);
        expect(thread.Teb).toBe(BigInt(`0x${one.registers.tpidr}`));
        expect(thread.Stack.StartOfMemoryRange).toBe(thread.context!.stackPointer);
        const found = registersIn(thread.context!.bytes);
        const seed = thread.name === 'main thread' ? 0x5eed1n << 44n : 0x5eed2n << 44n;
        for (let n = 9n; n <= 28n; n++) expect(found[`x${n}`]).toBe(seed + n);
        for (let n = 0n; n < 32n; n++) {
          const low = seed + 0x100n + n;
          expect(found[`v${n}`]).toBe((BigInt.asUintN(64, ~low) << 64n) | low);
        }
        expect([found.fpcr, found.fpsr]).toEqual([0x01000000n, 0x10n]);
      }
    });

    it('is read by others: registers, stacks, frames', async () => {
      const dump = Minidump.openSync(readFileSync(fixture('still.dmp')));
      const breakpad = await minidumpDump(fixture('still.dmp'));
      const walk = await minidumpStackwalk(fixture('still.dmp'));
      const lldb = await lldbDump(fixture('still.dmp'));
      expect([breakpad.complaints, walk.complaints]).toEqual([[], []]);
      expect(breakpad.systemInfo.processor_architecture).toBe('0xc (arm64)');
      expect(walk.cpu).toMatch(/^arm64\|/);
      expect(lldb.triple).toMatch(/^aarch64-.*linux/);
      const threads = dump.getSync('threads')!;
      expect(breakpad.threads.map(({ id }) => id)).toEqual(threads.map(({ ThreadId }) => ThreadId));
      expect([...breakpad.threadNames.values()]).toEqual(['main thread', 'helper']);
      for (const [i, { ThreadId, context }] of threads.entries()) {
        const found = registersIn(context!.bytes);
        const byLldb = lldb.threads.find(({ id }) => id === ThreadId)!.registers;
        for (const name of ['x0', 'x9', 'x28', 'sp', 'pc']) expect(byLldb[name]).toBe(found[name]);
        // stand, middle, outermost, and who called it: all of the program itself.
        expect(walk.frames[i]!.slice(0, 4).map(({ module }) => module)).toEqual(Array(4).fill('arm64'));
      }
      const module = dump.getSync('modules')![0]!;
      expect(breakpad.modules[0]!.buildId).toMatch(/^[0-9a-f]{40}$/);
      expect(module.BaseOfImage).toBe(0x400000n);
    });

    it('has the fault on top, with the registers that gdb found behind the signal handler', async () => {
      const dump = Minidump.openSync(readFileSync(fixture('fault.dmp')));
      const exception = dump.getSync('exception')!;
      const [live] = gdb('fault-gdb.json');
      expect(exception.ThreadId).toBe(live!.id);
      sameAsGdb(exception.context!.bytes, live!);
      const breakpad = await minidumpDump(fixture('fault.dmp'));
      expect(breakpad.complaints).toEqual([]);
      expect(breakpad.exception).toMatchObject({ code: 11, address: 8n });
      const walk = await minidumpStackwalk(fixture('fault.dmp'));
      expect(walk.crash.reason).toContain('SIGSEGV');
      expect(walk.frames[walk.crash.thread!]!.slice(0, 3).map(({ module }) => module)).toEqual(
        Array(3).fill('arm64'),
      );
      const main = walk.modules.find(({ main }) => main)!;
      expect(main.start + walk.frames[walk.crash.thread!]![0]!.offset).toBe(
        BigInt(`0x${live!.registers.pc}`),
      );
    });
  },
);
