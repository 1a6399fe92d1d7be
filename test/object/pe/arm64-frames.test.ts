import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { FrameView } from '../../../src/object/cfi.js';
import { openPeFrames } from '../../../src/object/pe/frames.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { byClang, disassembled, type Instruction, openPe } from './windows-programs.js';

const SP = 0x7000_0000n;
const LR = 0x1234_5678n;

/** Each place in memory holds its own address. */
const frameWith = (fp: bigint): FrameView => ({
  register: (name) => (name === 'sp' ? SP : name === 'lr' ? LR : name === 'fp' ? fp : 0x99n),
  read: (address) => address,
});

interface Followed extends Instruction {
  /** Bytes that the stack pointer is below where it was at the beginning of the function. */
  readonly depth: number;
  /** Where the return address was stored, in bytes below that; undefined while it is in the link register. */
  readonly linkAt: number | undefined;
}

/**
 * Microsoft's __security_push_cookie and __security_pop_cookie in test.exe: they return with another stack pointer than they were called
 * with. Their own unwind data are about the function that called them.
 */
const COOKIE_HELPERS: ReadonlyMap<string, number> = new Map([
  ['1000', 16],
  ['1020', -16],
]);

const IMMEDIATE = '#(-?(?:0x[0-9a-f]+|\\d+))';

/** What instructions do to the stack pointer and the link register, from the beginning of a function to where it first leaves that path. */
function* followed(instructions: readonly Instruction[], isMicrosoft: boolean): Generator<Followed> {
  let depth = 0;
  let linkAt: number | undefined;
  let x15 = 0;
  for (const instruction of instructions) {
    const { text } = instruction;
    yield { ...instruction, depth, linkAt };
    const number = (pattern: string) => {
      const found = new RegExp(pattern).exec(text)?.[1];
      return found === undefined
        ? undefined
        : found.startsWith('-')
          ? -Number(found.slice(1))
          : Number(found);
    };
    if (/^(?:ret|b|br|retab)\b(?!\.)/.test(text)) return;
    x15 = number(`^(?:mov|movz) [xw]15, ${IMMEDIATE}$`) ?? x15;
    const before = number(`\\[sp, ${IMMEDIATE}\\]!$`);
    const after = number(`\\[sp\\], ${IMMEDIATE}$`);
    const at = number(`\\[sp, ${IMMEDIATE}\\]$`) ?? 0;
    const [, opcode, registers] = /^(stp|str|ldp|ldr) (.*?), \[sp/.exec(text) ?? [];
    const place = registers?.split(', ').indexOf('x30') ?? -1;
    if (before !== undefined) depth -= before;
    if (place >= 0) linkAt = opcode!.startsWith('st') ? depth - at - place * 8 : undefined;
    if (before !== undefined && before > 0) return;
    if (after !== undefined) depth -= after;
    else if (/^(?:sub|add) sp, sp, #/.test(text)) {
      const size = number(`^\\w+ sp, sp, ${IMMEDIATE}`)! * (text.endsWith('lsl #12') ? 4096 : 1);
      depth += text.startsWith('sub') ? size : -size;
    } else if (text === 'sub sp, sp, x15, lsl #4') depth += x15 * 16;
    else if (/^\w+ sp,/.test(text)) return;
    const called = COOKIE_HELPERS.get(/^bl 0x14000([0-9a-f]+) /.exec(text)?.[1] ?? '');
    if (isMicrosoft) depth += called ?? 0;
  }
}

describeWith(
  ['clang-19', 'lld-link-19', 'llvm-objdump-19', needsCorpus],
  'ARM64 unwind data say where the frame and the return address are, as the instructions do',
  () => {
    it.each<[string, () => Promise<string>, number]>([
      ["clang's, -O0", () => byClang('aarch64', ['-O0']), 100],
      ["clang's, -O2", () => byClang('aarch64', ['-O2']), 100],
      ["clang's, -Os", () => byClang('aarch64', ['-Os']), 100],
      ["Microsoft's", async () => join(corpusFolder()!, 'symbolic/windows/arm64/test.exe'), 2000],
    ])('%s', async (_, make, least) => {
      const path = await make();
      const isMicrosoft = path.endsWith('test.exe');
      const frames = openPeFrames(openPe(path))!;
      const code = await disassembled(path);
      const functions = new Map<number, Instruction[]>();
      for (const instruction of code) {
        const range = runSync(frames.rangeAt(instruction.rva));
        if (range) functions.set(range.start, [...(functions.get(range.start) ?? []), instruction]);
      }
      let compared = 0;
      let epilogues = 0;
      const differences: string[] = [];
      for (const [start, instructions] of functions) {
        if (instructions[0]!.rva !== start || (isMicrosoft && COOKIE_HELPERS.has(start.toString(16))))
          continue;
        for (const { rva, text, depth, linkAt } of followed(instructions, isMicrosoft)) {
          const row = runSync(frames.cfiAt(rva, false))!;
          const view = frameWith(SP + 0x40n);
          const cfa = row.cfa(view, undefined)!;
          // Where it counts from the frame pointer, the instructions do not tell.
          if (cfa !== row.cfa(frameWith(SP + 0x80n), undefined)) continue;
          compared++;
          if (/^(?:ret|ldp|ldr|add sp)/.test(text)) epilogues++;
          const expected = linkAt === undefined ? LR : SP + BigInt(depth - linkAt);
          const ours = row.returnAddress(view, cfa)!;
          if (Number(cfa - SP) !== depth || ours !== expected)
            differences.push(
              `${rva.toString(16)} ${text}: ${Number(cfa - SP)} and ${ours.toString(16)}, not ${depth} and ${expected.toString(16)}`,
            );
        }
      }
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(least);
      expect(epilogues).toBeGreaterThan(10);
    });
  },
);
