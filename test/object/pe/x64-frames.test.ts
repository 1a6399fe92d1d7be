import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import type { CfiRow, FrameView } from '../../../src/object/cfi.js';
import { openDebugFrame } from '../../../src/object/dwarf/frames.js';
import { openPeFrames } from '../../../src/object/pe/frames.js';
import { describeWith } from '../../support/tools.js';
import { byClang, byMingw, disassembled, type Instruction, openPe } from './windows-programs.js';

const REGISTERS = ['rbx', 'rbp', 'rsi', 'rdi', 'r12', 'r13', 'r14', 'r15'];
const RSP = 0x7000_0000n;

function frameWith(rbp: bigint): FrameView {
  const values = new Map(REGISTERS.map((name, i) => [name, 0x1_0000_0000n * BigInt(i + 1)]));
  values.set('rbp', rbp).set('rsp', RSP);
  // Each place in memory holds another value.
  return { register: (name) => values.get(name), read: (address) => address * 7n + 3n };
}

/** What is known of the caller: CFA, return address, and all registers that it wants kept. */
function callerOf(row: CfiRow, frame: FrameView): Record<string, string | undefined> {
  const cfa = row.cfa(frame, undefined);
  const caller: Record<string, string | undefined> = {
    cfa: cfa?.toString(16),
    returnAddress: row.returnAddress(frame, cfa)?.toString(16),
  };
  for (const name of REGISTERS) {
    const rule = row.registers.get(name);
    caller[name] = (rule ? rule(frame, cfa) : frame.register(name))?.toString(16);
  }
  return caller;
}

describeWith(['x86_64-w64-mingw32-gcc', 'llvm-objdump-19'], "x64 unwind data against GCC's DWARF", () => {
  it.each(['-O0', '-O1', '-O2', '-Os'])('are the same at every instruction: %s', async (level) => {
    const path = await byMingw([level]);
    const file = openPe(path);
    const pdata = openPeFrames(file)!;
    const dwarf = runSync(openDebugFrame(file.dwarf))!;
    const differences: string[] = [];
    let compared = 0;
    let epilogues = 0;
    for (const { rva, text } of await disassembled(path)) {
      // What fills up is not run; DWARF takes it for the end of the function, as it begins behind a return.
      if (/^(?:nop|xchgw %ax)/.test(text)) continue;
      const theirs = runSync(dwarf.cfiAt(rva));
      if (theirs === undefined) continue;
      const ours = runSync(pdata.cfiAt(rva, false));
      if (ours === undefined) {
        differences.push(`${rva.toString(16)} ${text}: nothing`);
        continue;
      }
      // In an epilogue DWARF may still count from rbp, and we from rsp: then the CFA is the same where rbp is as it must be there.
      let frame = frameWith(RSP + 0x100n);
      const [theirCfa, ourCfa] = [theirs.cfa(frame, undefined)!, ours.cfa(frame, undefined)!];
      if (theirs.cfa(frameWith(0n), undefined) !== theirCfa && ours.cfa(frameWith(0n), undefined) === ourCfa)
        frame = frameWith(RSP + 0x100n + ourCfa - theirCfa);
      // At the return of functions with a frame pointer GCC 12 counts from where the stack pointer was: by definition the return address
      // is what it points to.
      if (/^retq/.test(text) && theirs.cfa(frame, undefined) !== RSP + 8n) {
        expect(callerOf(ours, frame).cfa).toBe((RSP + 8n).toString(16));
        continue;
      }
      compared++;
      if (/^(?:popq|retq)/.test(text)) epilogues++;
      const [a, b] = [callerOf(theirs, frame), callerOf(ours, frame)];
      for (const name of Object.keys(a)) {
        if (a[name] !== b[name])
          differences.push(`${rva.toString(16)} ${text}: ${name} is ${b[name]}, in DWARF ${a[name]}`);
      }
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(1000);
    expect(epilogues).toBeGreaterThan(100);
  });
});

/** Bytes that were pushed since the function began, before each of its instructions up to the first that leaves it. */
function* followed(
  instructions: readonly Instruction[],
): Generator<{ rva: number; text: string; depth: number }> {
  let depth = 0;
  let eax = 0;
  for (const { rva, text } of instructions) {
    yield { rva, text, depth };
    const number = (pattern: RegExp) => {
      const found = pattern.exec(text);
      return found ? Number(found[1]) : undefined;
    };
    eax = number(/^movl \$(0x[0-9a-f]+|\d+), %eax/) ?? eax;
    if (text.startsWith('pushq')) depth += 8;
    else if (text.startsWith('popq')) depth -= 8;
    else if (text === 'subq %rax, %rsp') depth += eax;
    else if (/%rsp$/.test(text)) {
      const size = number(/^(?:addq|subq) \$(0x[0-9a-f]+|\d+), %rsp$/);
      if (size === undefined) return;
      depth += text.startsWith('addq') ? -size : size;
    }
    if (/^(?:retq|jmp)/.test(text)) return;
  }
}

describeWith(['clang-19', 'lld-link-19', 'llvm-objdump-19'], "x64 unwind data of clang's code", () => {
  it.each(['-O0', '-O2', '-Os'])(
    'say where the return address is, as the instructions do: %s',
    async (level) => {
      const path = await byClang('x86_64', [level]);
      const file = openPe(path);
      const frames = openPeFrames(file)!;
      const code = await disassembled(path);
      const starts = new Set<number>();
      for (const { rva } of code) {
        const range = runSync(frames.rangeAt(rva));
        if (range) starts.add(range.start);
      }
      expect(starts.size).toBeGreaterThan(9);
      const frame = frameWith(0n);
      let compared = 0;
      const differences: string[] = [];
      for (const start of starts) {
        const { end } = runSync(frames.rangeAt(start))!;
        for (const { rva, text, depth } of followed(code.filter(({ rva }) => rva >= start && rva < end))) {
          const row = runSync(frames.cfiAt(rva, false))!;
          // Where it counts from rbp, the instructions do not tell.
          if (row.cfa(frameWith(8n), undefined) !== row.cfa(frame, undefined)) continue;
          compared++;
          const ours = Number(row.cfa(frame, undefined)! - RSP) - 8;
          if (ours !== depth) differences.push(`${rva.toString(16)} ${text}: ${ours}, not ${depth}`);
        }
      }
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(100);
    },
  );
});
