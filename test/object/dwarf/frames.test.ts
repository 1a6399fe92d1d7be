import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { BytesSource, runSync } from '../../../src/io/index.js';
import type { FrameView } from '../../../src/object/cfi.js';
import { openEhFrame, openImageFrames } from '../../../src/object/dwarf/frames.js';
import { readElfImage } from '../../../src/object/elf.js';
import { ElfFile } from '../../../src/object/elf-file.js';
import { corpusFolder, describeWith, needsCorpus, needsLinux, requireTool } from '../../support/tools.js';
import { ourFrames, readelfFrames } from './readelf-frames.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-frames-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIBRARIES = ['libc.so.6', 'libstdc++.so.6', 'libgcc_s.so.1', 'ld-linux-x86-64.so.2'].flatMap((name) =>
  ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu']
    .map((place) => join(place, name))
    .filter(existsSync)
    .slice(0, 1),
);

const PROGRAM = `
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) int leaf(int a) { return a * 3; }
__attribute__((noinline)) int saves(int a, int b, int c) {
  int s = 0;
  for (int i = 0; i < a; i++) s += leaf(i) + leaf(b) * leaf(c);
  return s;
}
__attribute__((noinline)) int dynamic(int n) {
  char *p = __builtin_alloca(n);
  memset(p, n, n);
  return saves(p[0], p[n - 1], n);
}
int main(int argc, char **argv) { return dynamic(argc + 10); }
`;

function compile(name: string, ...options: string[]): string {
  const source = join(folder, 'program.c');
  writeFileSync(source, PROGRAM);
  const path = join(folder, name);
  const { status, stderr } = spawnSync(requireTool('gcc'), [...options, source, '-o', path], {
    encoding: 'utf8',
  });
  expect(stderr, options.join(' ')).toBe('');
  expect(status).toBe(0);
  return path;
}

describeWith(['readelf', 'gcc', needsLinux], 'call frame information as readelf reads it', () => {
  it.each(LIBRARIES)('every row of %s', { timeout: 120_000 }, (path) => {
    const printed = readelfFrames(path, '.eh_frame');
    expect(printed.size).toBeGreaterThan(50);
    expect(ourFrames(path, '.eh_frame', printed)).toEqual(printed);
  });

  it.each([
    ['-O2 -g -gdwarf-2', '.eh_frame'],
    ['-O2 -g -gdwarf-2 -fno-asynchronous-unwind-tables', '.debug_frame'],
    ['-O2 -g -gdwarf-3 -fno-asynchronous-unwind-tables', '.debug_frame'],
    ['-O0 -g -gdwarf-4 -fno-asynchronous-unwind-tables', '.debug_frame'],
    ['-O2 -g -gdwarf-5 -fno-asynchronous-unwind-tables -fno-omit-frame-pointer', '.debug_frame'],
  ] as const)('gcc %s: %s', (options, section) => {
    const path = compile('frames', ...options.split(' '));
    const printed = readelfFrames(path, section);
    expect(printed.size).toBeGreaterThan(0);
    expect(ourFrames(path, section, printed)).toEqual(printed);
  });
});

describeWith(['readelf', 'gcc -m32'], 'call frame information of 32-bit programs', () => {
  it.each(['.eh_frame', '.debug_frame'] as const)('%s', (section) => {
    const tables = section === '.eh_frame' ? [] : ['-fno-asynchronous-unwind-tables'];
    const path = compile('frames32', '-m32', '-O2', '-g', ...tables);
    const printed = readelfFrames(path, section);
    expect(printed.size).toBeGreaterThan(0);
    expect(ourFrames(path, section, printed)).toEqual(printed);
  });
});

describeWith([needsCorpus], 'the rules at an address', () => {
  const linux = join(corpusFolder() ?? '', 'symbolic', 'linux');
  const elf = (name: string) => runSync(ElfFile.open(new BytesSource(readFileSync(join(linux, name)))));
  const expected = (name: string) =>
    readFileSync(join(corpusFolder()!, 'symbolic', 'expected', name), 'utf8');

  it.each([
    ['crash', 'cfi_elf.snap', 'rsp'],
    ['arm64/cfi_test', 'cfi_elf_arm64.snap', 'sp'],
  ])('of %s are those of symbolic', (name, snapshot, stackPointer) => {
    const frames = runSync(openEhFrame(elf(name)))!;
    const lines = [...expected(snapshot).matchAll(/^STACK CFI (?:INIT )?([0-9a-f]+) .*$/gm)];
    expect(lines.length).toBeGreaterThan(15);
    let rules = new Map<string, string>();
    for (const [line, at] of lines) {
      if (line.includes(' INIT ')) rules = new Map();
      for (const [, register, rule] of line.matchAll(/(\S+): (.*?)(?= \S+: |$)/g)) {
        rules.set(register!.replace('$', '').replace('x29', 'fp'), rule!);
      }
      const row = runSync(frames.cfiAt(Number.parseInt(at!, 16)))!;
      const view = frameOf(stackPointer);
      const cfa = row.cfa(view, undefined);
      expect(cfa, line).toBe(breakpad(rules.get('.cfa')!, view, undefined));
      if (line.includes('.ra: '))
        expect(row.returnAddress(view, cfa), line).toBe(breakpad(rules.get('.ra')!, view, cfa));
      // A rule that a function gives up again (DW_CFA_restore) cannot be taken back in the text.
      for (const [register, rule] of rules) {
        if (register.startsWith('.')) continue;
        const ours = row.registers.get(register);
        if (ours || line.includes(`${register}: `)) {
          expect(ours?.(view, cfa), line).toBe(breakpad(rule, view, cfa));
        }
      }
    }
  });

  it('say where a stack ends, and which frames a signal made', () => {
    // _start of the C library's crt1.o has an undefined return address.
    const start = runSync(runSync(openEhFrame(elf('crash')))!.cfiAt(0x1dc0))!;
    expect(start.outermost).toBe(true);
    expect(start.signalFrame).toBe(false);
  });

  it('are the same in an image in memory', () => {
    const bytes = readFileSync(join(linux, 'crash'));
    const file = elf('crash');
    const memory = new Uint8Array(0x400000);
    for (const { type, offset, address, fileSize } of file.programHeaders) {
      if (type === 1)
        memory.set(
          bytes.subarray(Number(offset), Number(offset + fileSize)),
          Number(address) - file.linkBase,
        );
    }
    const read = function* (offset: bigint, length: number) {
      return memory.slice(Number(offset), Number(offset) + length);
    };
    const image = runSync(readElfImage(read))!;
    const fromMemory = runSync(openImageFrames(image, read))!;
    const fromFile = runSync(openEhFrame(file))!;
    const view = frameOf('rsp');
    let known = 0;
    for (let rva = 0x1500; rva < 0x14000; rva += 7) {
      const inFile = runSync(fromFile.cfiAt(rva));
      const inMemory = runSync(fromMemory.cfiAt(rva));
      const cfa = inFile?.cfa(view, undefined);
      expect(inMemory?.cfa(view, undefined)).toBe(cfa);
      expect([...(inMemory?.registers.keys() ?? [])]).toEqual([...(inFile?.registers.keys() ?? [])]);
      if (cfa !== undefined) known++;
    }
    expect(known).toBeGreaterThan(5000);
  });
});

describeWith([needsLinux], 'the frame that a signal made', () => {
  it('is told by __restore_rt of the C library, whose registers are on the stack', () => {
    const path = LIBRARIES[0]!;
    const file = runSync(ElfFile.open(new BytesSource(readFileSync(path))));
    const bytes = readFileSync(path);
    // mov $15, %rax; syscall
    const code = bytes.indexOf(Buffer.from([0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]));
    const segment = file.programHeaders.find(
      ({ type, offset, fileSize }) => type === 1 && offset <= code && offset + fileSize > code,
    )!;
    const rva = code - Number(segment.offset) + Number(segment.address);
    const row = runSync(runSync(openEhFrame(file))!.cfiAt(rva))!;
    expect(row.signalFrame).toBe(true);
    const view = frameOf('rsp');
    // ucontext: 40 bytes before the registers; rsp is the 16th of them, rip the 17th.
    const saved = (index: number) => view.read(view.register('rsp')! + 40n + BigInt(index) * 8n, 8);
    const cfa = row.cfa(view, undefined);
    expect(cfa).toBe(saved(15));
    expect(row.returnAddress(view, cfa)).toBe(saved(16));
    expect(row.registers.get('r8')!(view, cfa)).toBe(saved(0));
    expect(row.registers.get('rbx')!(view, cfa)).toBe(saved(11));
  });
});

/** Every register and word of memory has a value of its own. */
function frameOf(stackPointer: string): FrameView {
  return {
    register(name) {
      let value = name === stackPointer ? 0x7fff_0000n : 0x10_0000n;
      for (const letter of name) value = value * 31n + BigInt(letter.charCodeAt(0)) * 8n;
      return value & 0xffff_fff8n;
    },
    read: (address) => (address * 0x9e37_79b9n + 1n) & 0xffff_ffff_ffffn,
  };
}

/** A rule as .sym files have it, postfix. */
function breakpad(rule: string, view: FrameView, cfa: bigint | undefined): bigint | undefined {
  const stack: bigint[] = [];
  for (const token of rule.split(' ')) {
    if (token === '+') stack.push(stack.pop()! + stack.pop()!);
    else if (token === '^') stack.push(view.read(stack.pop()!, 8)!);
    else if (token === '.cfa') stack.push(cfa!);
    else if (/^-?\d+$/.test(token)) stack.push(BigInt(token));
    else {
      const name = token.replace('$', '').replace('x29', 'fp').replace('x30', 'lr');
      stack.push(view.register(name)!);
    }
  }
  return stack.pop();
}
