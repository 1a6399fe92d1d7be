import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  analyzeCrash,
  type Disassembler,
  type RustMinidumpCrashMembers,
  toRustMinidumpJson,
} from '../../../src/analysis/instruction/index.js';
import { runSync } from '../../../src/io/index.js';
import { Minidump } from '../../../src/reader/index.js';
import { run } from '../../support/run.js';
import { corpusFolder, describeWith, needsCorpus, requireTool } from '../../support/tools.js';
import { loadDisassembler, randomNumbers } from './disassembly.js';

const members = [
  'adjusted_address',
  'instruction',
  'memory_accesses',
  'instruction_pointer_update',
  'possible_bit_flips',
  'crash_inconsistencies',
] as const satisfies (keyof RustMinidumpCrashMembers)[];

async function judge(path: string): Promise<RustMinidumpCrashMembers | undefined> {
  const { status, stdout } = await run(requireTool('minidump-stackwalk'), ['--json', path]);
  if (status !== 0) return undefined;
  const { crash_info: info } = JSON.parse(stdout.toString());
  return Object.fromEntries(members.map((name) => [name, info[name]])) as unknown as RustMinidumpCrashMembers;
}

function ours(bytes: Uint8Array, disassembler: Disassembler): RustMinidumpCrashMembers {
  return toRustMinidumpJson(runSync(analyzeCrash(Minidump.openSync(bytes), disassembler)));
}

function dumps(): string[] {
  const folder = corpusFolder();
  if (folder === undefined) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.dmp'))
    .map((name) => join(folder, name))
    .sort();
}

describeWith([needsCorpus, 'minidump-stackwalk'], 'what rust-minidump says of crashes', () => {
  let disassembler: Disassembler;
  beforeAll(async () => {
    disassembler = await loadDisassembler();
  });

  it('is said of every dump of the corpus', async () => {
    let compared = 0;
    for (const path of dumps()) {
      const expected = await judge(path);
      // It refuses dumps that are broken on purpose.
      if (expected === undefined) continue;
      compared++;
      expect([path, ours(readFileSync(path), disassembler)]).toEqual([path, expected]);
    }
    expect(compared).toBeGreaterThan(25);
  });
});

/**
 * Instructions with which both agree. Where they do not, rust-minidump takes an address relative to the instruction pointer from the
 * start of the instruction instead of its end, takes the base of fs and gs for 0, counts nop and prefetch as accesses, takes bt with
 * an immediate for 8 bytes and a far return for 10, and looks at no stack in leave.
 */
const instructions: Record<string, string> = {
  'mov dword ptr [rax+0x10],5': 'c7401005000000',
  'mov rcx,[rax+rbx*8-0x20]': '488b4cd8e0',
  'mov eax,[0x45]': '8b042545000000',
  'movabs rax,[0x1122334455667788]': '48a18877665544332211',
  'push rax': '50',
  'push qword ptr [rbx+8]': 'ff7308',
  'pop rcx': '59',
  'pop qword ptr [rax]': '8f00',
  'call rax': 'ffd0',
  'call [rax+0x18]': 'ff5018',
  'call $+0x100': 'e800010000',
  'jmp rcx': 'ffe1',
  'jmp [rbx*8+0x400000]': 'ff24dd00004000',
  'jmp $-0x10': 'ebf0',
  'jz $+0x10': '7410',
  ret: 'c3',
  'ret 8': 'c20800',
  'add [rax],ecx': '0108',
  'sub qword ptr [rdx],1': '48832a01',
  'cmp [rax],rbx': '483918',
  'cmp rax,-0x1000': '483d00f0ffff',
  'dec dword ptr [rbp-4]': 'ff4dfc',
  'inc qword ptr [r12+r13*2]': '4bff046c',
  'movaps xmm0,[rax]': '0f2800',
  'movups [rax],xmm1': '0f1108',
  'lea rax,[rbx+rcx*4+8]': '488d448b08',
  'idiv dword ptr [rbp-4]': 'f77dfc',
  'div rcx': '48f7f1',
  'test [rax],eax': '8500',
  'rep movsb': 'f3a4',
  stosq: '48ab',
  'mov byte ptr [rdi],0x80': 'c60780',
  'and dword ptr [rax],0xfffffff0': '8320f0',
  'xchg [rax],rbx': '488718',
  'lock cmpxchg [rdi],rcx': 'f0480fb10f',
  hlt: 'f4',
  int3: 'cc',
  syscall: '0f05',
  'movzx eax,byte ptr [rax]': '0fb600',
  'sete byte ptr [rax]': '0f9400',
  'ucomiss xmm0,[rax]': '0f2e00',
};

describeWith(
  [needsCorpus, 'minidump-stackwalk'],
  'what rust-minidump says of crashes made from a real one',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'mdmp-instruction-'));
    afterAll(() => rmSync(folder, { recursive: true }));

    const registers = [
      'rax',
      'rcx',
      'rdx',
      'rbx',
      'rsp',
      'rbp',
      'rsi',
      'rdi',
      'r8',
      'r9',
      'r10',
      'r11',
      'r12',
    ].concat(['r13', 'r14', 'r15']);
    const offsetOf = (register: number) => 0x78 + register * 8;

    /** linux-mini.dmp with another instruction, other registers and another exception. */
    function variants(seed: number, windows: boolean) {
      const original = readFileSync(join(corpusFolder()!, 'rust-minidump', 'linux-mini.dmp'));
      const dump = Minidump.openSync(original);
      const { context, ThreadContext } = dump.getSync('exception')!;
      const instruction = context!.instructionPointer;
      const code = dump.memorySync().find(instruction)!;
      const codeRva = code.rva + Number(instruction - code.start);
      const record = dump.entry('exception')!.rva + 8;
      const platform = dump.entry('systemInfo')!.rva + 20;
      const edges = dump
        .getSync('linuxMaps')!
        .slice(0, 8)
        .flatMap(({ start, end }) => [start, end, end + 2n, end - 4n, start - 3n, start ^ (1n << 40n)]);
      const interesting = [
        0n,
        8n,
        0x1000n,
        0x7fffn,
        0x800000400000n,
        0xdeadbeefdeadbeefn,
        0xe5e5e5e5e5e5e5e5n,
      ].concat(edges, [0xffffffffffffffffn, 0x8000000000000000n]);
      const random = randomNumbers(seed);
      const value = () => interesting[random(interesting.length)]!;
      return Object.entries(instructions).map(([name, bytes]) => {
        const file = Buffer.from(original);
        registers.forEach((register, i) => {
          // The stack must be in the dump for what is popped from it, most of the time.
          if (register !== 'rsp' || random(4) === 0)
            file.writeBigUInt64LE(value(), ThreadContext.Rva + offsetOf(i));
        });
        Buffer.from(`${bytes}90909090`, 'hex').copy(file, codeRva);
        if (windows) {
          const codes = [0xc0000005, 0xc0000005, 0xc0000005, 0xc0000094, 0xc0000096, 0xc00000fd];
          file.writeUInt32LE(2, platform);
          file.writeUInt32LE(codes[random(codes.length)]!, record);
          file.writeUInt32LE(0, record + 4);
          file.writeUInt32LE(2, record + 24);
          file.writeBigUInt64LE([0n, 1n, 8n][random(3)]!, record + 32);
          file.writeBigUInt64LE(random(3) === 0 ? 0xffffffffffffffffn : value(), record + 40);
        } else {
          const known = random(2) === 0;
          file.writeUInt32LE(11, record);
          file.writeUInt32LE(known ? 1 : 0x80, record + 4);
          file.writeBigUInt64LE(known ? value() : 0n, record + 16);
        }
        return { name, file };
      });
    }

    it.each([
      ['Linux', 1, false],
      ['Linux', 2, false],
      ['Windows', 3, true],
      ['Windows', 4, true],
    ])('on %s, with registers of seed %i', async (_, seed, windows) => {
      const disassembler = await loadDisassembler();
      for (const { name, file } of variants(seed, windows)) {
        const path = join(folder, `${seed}.dmp`);
        writeFileSync(path, file);
        expect([name, ours(file, disassembler)]).toEqual([name, await judge(path)]);
      }
    });

    it('of an access to a guard page', async () => {
      const disassembler = await loadDisassembler();
      const file = readFileSync(join(corpusFolder()!, 'rust-minidump', 'linux-mini.dmp'));
      const dump = Minidump.openSync(file);
      const maps = dump.getSync('linuxMaps')!;
      const { Rva } = dump.getSync('exception')!.ThreadContext;
      const instruction = dump.getSync('exception')!.context!.instructionPointer;
      const code = dump.memorySync().find(instruction)!;
      const { rva, dataSize } = dump.entry('linuxMaps')!;
      const text = file.subarray(rva, rva + dataSize).toString('latin1');
      let guards = 0;
      for (const [i, { start, end, permissions }] of maps.entries()) {
        const small = end - start <= 0x8000n && permissions.startsWith('r');
        if (!small || maps[i + 1]?.start !== end) continue;
        const changed = Buffer.from(file);
        const line = text.indexOf(`${start.toString(16).padStart(8, '0')}-`);
        changed.write('---p', rva + text.indexOf(' ', line) + 1, 'latin1');
        changed.writeBigUInt64LE(start, Rva + offsetOf(0));
        changed.set(
          Buffer.from(instructions['mov dword ptr [rax+0x10],5']!, 'hex'),
          code.rva + Number(instruction - code.start),
        );
        const path = join(folder, 'guard.dmp');
        writeFileSync(path, changed);
        const said = ours(changed, disassembler);
        expect(said).toEqual(await judge(path));
        if (said.memory_accesses?.[0]?.is_likely_guard_page) guards++;
      }
      expect(guards).toBeGreaterThan(0);
    });
  },
);
