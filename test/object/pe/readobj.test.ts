import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { Operation as Arm64Operation } from '../../../src/object/pe/arm64/codes.js';
import { unpack } from '../../../src/object/pe/arm64/packed.js';
import { readUnpacked } from '../../../src/object/pe/arm64/unpacked.js';
import { EntryTable } from '../../../src/object/pe/entry-table.js';
import type { PeFile } from '../../../src/object/pe/index.js';
import { REGISTERS } from '../../../src/object/pe/x64/row.js';
import {
  type Operation,
  RUNTIME_FUNCTION_SIZE,
  readRuntimeFunction,
  readUnwindInfo,
} from '../../../src/object/pe/x64/unwind-info.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { type Arm64Entry, arm64Entries, type X64Entry, x64Entries } from './readobj.js';
import { byClang, byMingw, ntdll, openPe } from './windows-programs.js';

const corpus = (name: string) => join(corpusFolder() ?? '', 'symbolic', 'windows', name);

afterAll(removeFolders);

// ---------------------------------------------------------------------------------------------------------------------

const register = (number: number) => REGISTERS[number]!.toUpperCase();
const hex = (value: number) => `0x${value.toString(16).toUpperCase()}`;

/** An operation as readobj prints it. */
function x64Text(one: Operation): string {
  const offset = `0x${one.offset.toString(16).toUpperCase().padStart(2, '0')}`;
  switch (one.kind) {
    case 'push':
      return `${offset}: PUSH_NONVOL reg=${register(one.register)}`;
    case 'allocate':
      return `${offset}: ALLOC_${one.size <= 128 ? 'SMALL' : 'LARGE'} size=${one.size}`;
    case 'set-frame':
      return `${offset}: SET_FPREG reg=${register(one.register)}, offset=${hex(one.distance)}`;
    case 'save':
      return `${offset}: SAVE_NONVOL reg=${register(one.register)}, offset=${hex(one.at)}`;
    case 'machine-frame':
      return `${offset}: PUSH_MACHFRAME errcode=${one.hasErrorCode ? 'yes' : 'no'}`;
  }
}

function ourX64Entries(file: PeFile): X64Entry[] {
  const table = EntryTable.open(file, RUNTIME_FUNCTION_SIZE)!;
  const entries = Array.from({ length: table.count }, (_, i) =>
    readRuntimeFunction(runSync(table.entry(i))!),
  );
  // ld fills the table up with zeros.
  return entries
    .filter((one) => one.start !== 0)
    .map(({ start, end, info }) => {
      const unwind = runSync(readUnwindInfo(file, info))!;
      const { prologSize, frameRegister, operations, chained } = unwind;
      return {
        start,
        end,
        version: unwind.epilogues ? 2 : 1,
        prologSize,
        frameRegister: frameRegister === undefined ? undefined : register(frameRegister),
        codes: operations.map(x64Text),
        chained: chained?.start,
      };
    });
}

describeWith(
  ['llvm-readobj-19', 'wine', 'x86_64-w64-mingw32-gcc', 'clang-19', 'lld-link-19', needsCorpus],
  'x64 unwind data by llvm-readobj',
  () => {
    it.each<[string, () => Promise<string>, number]>([
      ["GCC's, -O0", () => byMingw(['-O0']), 50],
      ["GCC's, -O2", () => byMingw(['-O2']), 50],
      ["clang's", () => byClang('x86_64'), 9],
      ["Microsoft's, chained", async () => corpus('CrashWithException.exe'), 30],
      ["Wine's ntdll.dll", async () => ntdll, 1000],
    ])('is the same, code by code: %s', async (_, make, least) => {
      const path = await make();
      const file = openPe(path);
      const theirs = await x64Entries(path, file.headers.imageBase);
      expect(theirs.length).toBeGreaterThan(least);
      expect(ourX64Entries(file)).toEqual(theirs);
    });
  },
);

// ---------------------------------------------------------------------------------------------------------------------

/** An operation in one form, whoever has it. Of vector registers we do not know the numbers. */
function arm64Text(one: Arm64Operation): string {
  switch (one.kind) {
    case 'allocate':
      return `sub sp, #${one.size}`;
    case 'save': {
      const names = one.registers.map((name) => name ?? '?').join(', ');
      const where = one.grow > 0 ? `[sp, #-${one.grow}]!` : `[sp, #${one.at}]`;
      return `${one.registers.length > 1 ? 'stp' : 'str'} ${names}, ${where}`;
    }
    case 'save-next':
      return 'save next';
    case 'set-frame':
      return one.distance === 0 ? 'mov fp, sp' : `add fp, sp, #${one.distance}`;
    case 'end-chained':
      return 'end_c';
    case 'not-called':
      return 'clear unwound to call';
    default:
      return one.kind;
  }
}

/** The same of what readobj prints: an epilogue undoes what the prologue does. */
const inOneForm = (text: string) =>
  text
    .replace(/^ld/, 'st')
    .replace(/\[sp\], #(\d+)/, '[sp, #-$1]!')
    .replace(/\bx29\b/g, 'fp')
    .replace(/\bx30\b/g, 'lr')
    .replace(/\b(?:d\d+|x[0-7])\b/g, '?')
    .replace(/^add sp, #/, 'sub sp, #')
    .replace(/^sub sp, sp, #/, 'sub sp, #')
    .replace(/^restore next$/, 'save next')
    .replace(/^mov sp, fp$/, 'mov fp, sp')
    .replace(/^(?:pacibsp|autibsp)$/, 'nop');

function ourArm64Entries(file: PeFile): Arm64Entry[] {
  const table = EntryTable.open(file, 8)!;
  return Array.from({ length: table.count }, (_, i) => {
    const reader = runSync(table.entry(i))!;
    const start = reader.u32();
    const word = reader.u32();
    const packed = (word & 3) !== 0;
    const { length, prologue, epilogues } = packed ? unpack(word) : runSync(readUnpacked(file, word))!;
    const texts = (operations: readonly Arm64Operation[]) => operations.map(arm64Text);
    const list = packed
      ? []
      : epilogues.map((one) => ({ start: one.start, operations: texts(one.operations) }));
    return { start, length, packed, prologue: texts(prologue), epilogues: list };
  });
}

async function theirArm64Entries(path: string, base: number): Promise<Arm64Entry[]> {
  const theirs = await arm64Entries(path, base);
  const texts = (list: readonly string[]) => list.map(inOneForm);
  return theirs.map((one) => ({
    ...one,
    prologue: texts(one.prologue),
    epilogues: one.epilogues.map(({ start, operations }) => ({ start, operations: texts(operations) })),
  }));
}

describeWith(
  ['llvm-readobj-19', 'clang-19', 'lld-link-19', needsCorpus],
  'ARM64 unwind data by llvm-readobj',
  () => {
    it.each<[string, () => Promise<string>, number, number]>([
      ["clang's, -O0", () => byClang('aarch64', ['-O0']), 9, 0],
      ["clang's, -O2", () => byClang('aarch64'), 9, 1],
      ["Microsoft's", async () => corpus('arm64/test.exe'), 240, 50],
    ])('is the same, code by code: %s', async (_, make, least, leastPacked) => {
      const path = await make();
      const file = openPe(path);
      const theirs = await theirArm64Entries(path, file.headers.imageBase);
      expect(theirs.length).toBeGreaterThan(least);
      expect(theirs.filter(({ packed }) => packed).length).toBeGreaterThanOrEqual(leastPacked);
      expect(ourArm64Entries(file)).toEqual(theirs);
    });

    it('is the same for every way to pack an entry', async () => {
      const words: number[] = [];
      for (const flag of [1, 2])
        for (let floats = 0; floats < 8; floats++)
          for (let integers = 0; integers <= 10; integers++)
            for (const homes of [0, 1])
              for (let chain = 0; chain < 4; chain++)
                for (const frame of [8, 10, 16, 40, 41, 42, 300, 511])
                  words.push(
                    (flag |
                      (40 << 2) |
                      (floats << 13) |
                      (integers << 16) |
                      (homes << 20) |
                      (chain << 21) |
                      (frame << 23)) >>>
                      0,
                  );
      const path = withEntries(await byClang('aarch64'), words);
      const file = openPe(path);
      const theirs = await theirArm64Entries(path, file.headers.imageBase);
      const ours = ourArm64Entries(file);
      expect([ours.length, theirs.length]).toEqual([words.length, words.length]);
      let compared = 0;
      for (const [i, { start, length, prologue: own }] of ours.entries()) {
        const other = theirs[i]!;
        // Of a part without a prologue: the codes are those of the function that it belongs to. readobj prints the flag.
        const prologue = own[0] === 'end_c' ? own.slice(1) : own;
        expect(own[0] === 'end_c').toBe((words[i]! & 3) === 2);
        expect([start, length]).toEqual([other.start, other.length]);
        // A frame too small for what is saved in it: no linker writes that.
        if (/#--|#-0\b/.test(other.prologue.join())) continue;
        compared++;
        const without = other.prologue.indexOf('INVALID!');
        if (without < 0) {
          expect([hex(words[i]!), prologue]).toEqual([hex(words[i]!), other.prologue]);
          continue;
        }
        // No code stores x19 and lr and makes room at once: readobj gives up, Microsoft's documentation has two instructions.
        expect(prologue.slice(0, without)).toEqual(other.prologue.slice(0, without));
        expect(prologue[without]).toBe('stp x19, lr, [sp, #0]');
        expect(prologue[without + 1]).toMatch(/^sub sp, #\d+$/);
      }
      expect(compared).toBeGreaterThan(8000);
    });
  },
);

/** A copy of a program with other entries in its .pdata, behind all that it has. */
function withEntries(path: string, words: readonly number[]): string {
  const { headers } = openPe(path);
  const original = readFileSync(path);
  const pdata = Buffer.alloc(words.length * 8);
  words.forEach((word, i) => {
    pdata.writeUInt32LE(0x1000 + i * 160, i * 8);
    pdata.writeUInt32LE(word, i * 8 + 4);
  });
  const bytes = Buffer.concat([original, pdata]);
  const header = bytes.indexOf('.pdata\0\0', 0, 'latin1');
  const address = (headers.imageSize + 0xfff) & ~0xfff;
  for (const [i, value] of [pdata.length, address, pdata.length, original.length].entries())
    bytes.writeUInt32LE(value, header + 8 + i * 4);
  const pe = bytes.readUInt32LE(60);
  bytes.writeUInt32LE(address + pdata.length, pe + 24 + 56);
  bytes.writeUInt32LE(address, pe + 24 + 112 + 24);
  bytes.writeUInt32LE(pdata.length, pe + 24 + 112 + 28);
  const made = join(temporaryFolder(), 'packed.exe');
  writeFileSync(made, bytes);
  return made;
}
