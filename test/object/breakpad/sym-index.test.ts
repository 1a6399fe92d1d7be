import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BytesSource, runAsync, runSync, type Source } from '../../../src/io/index.js';
import { BlockStore, SymIndex } from '../../../src/object/breakpad/index.js';
import { generator } from '../../reader/mutations.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { indexOf, latin1, openSym } from './open.js';
import { SlowSym } from './slow-reader.js';

describeWith([needsCorpus], 'every .sym file of the corpus', () => {
  const corpus = corpusFolder()!;
  const files = ['breakpad', 'rust-minidump', 'symbolic'].flatMap((folder) =>
    readdirSync(join(corpus, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.sym'))
      .map((name) => join(folder, name)),
  );

  it('are there', () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
  });

  for (const file of files) {
    it(`${file}: the answers of an independent reader at 1,000 addresses and all ends of ranges`, () => {
      const bytes = readFileSync(join(corpus, file));
      const text = bytes.toString('utf8');
      const index = openSym(bytes);
      const slow = new SlowSym(text);
      const [, os, cpu, id, name] = /^MODULE (\S+) (\S+) (\S+) (.*)$/m.exec(text)!;
      expect(index.module).toEqual({ os, cpu, id, name });
      const code = /^INFO CODE_ID (\S+) ?(.*)$/m.exec(text);
      expect(index.codeId).toBe(code?.[1]);
      expect(index.codeFile).toBe(code?.[2] || undefined);
      expect(index.sourceSize).toBe(bytes.length);
      expect([index.brokenLines, index.brokenInlines, index.corrupt]).toEqual([0, 0, false]);

      const random = generator(1);
      const ranges = [
        ...slow.functions,
        ...slow.functions.flatMap(({ lines, inlines }) => [...lines, ...inlines]),
        ...slow.cfi,
        ...slow.windows['4'],
        ...slow.windows['0'],
      ];
      const places = [
        ...ranges.flatMap(({ start, size }) => [start - 1, start, start + size - 1, start + size]),
        ...slow.publics.flatMap(({ address }) => [address - 1, address, address + 1]),
      ];
      const highest = Math.max(...places.slice(0, 50_000));
      const addresses = [0, ...Array.from({ length: 1000 }, () => random(highest + 0x1000))];
      for (let i = 0; i < 1000; i++) addresses.push(Math.max(places[random(places.length)]!, 0));
      let functions = 0;
      for (const rva of addresses) {
        const found = runSync(index.functionAt(rva));
        if (found) functions++;
        expect(found, `function at ${rva}`).toEqual(slow.functionAt(rva));
        expect(runSync(index.cfiRulesAt(rva)), `CFI at ${rva}`).toEqual(slow.cfiRulesAt(rva));
        expect(runSync(index.windowsFrameAt(rva)), `STACK WIN at ${rva}`).toEqual(slow.windowsFrameAt(rva));
      }
      expect(functions).toBeGreaterThan(100);
    });
  }

  it('all rules of the corpus compile where .cfa and .ra are there, and those of one address once', () => {
    for (const file of files) {
      const bytes = readFileSync(join(corpus, file));
      const index = openSym(bytes);
      for (const { start, size } of new SlowSym(bytes.toString('utf8')).cfi) {
        for (const rva of [start, start + size - 1]) {
          const row = runSync(index.cfiAt(rva));
          // clone() of glibc has a record without .cfa.
          const rules = runSync(index.cfiRulesAt(rva))!.join(' ');
          const whole = rules.includes('.cfa: ') && rules.includes('.ra: ');
          expect(row !== undefined, `${file} at ${rva}`).toBe(whole);
          expect(runSync(index.cfiAt(rva))).toBe(row);
        }
      }
    }
  });
});

const head = 'MODULE Linux x86_64 0123456789ABCDEF0123456789ABCDEF0 a.so\n';
const functionAt = (index: SymIndex, rva: number) => runSync(index.functionAt(rva));

describe('records', () => {
  it('INLINE in the new form: the place inside each call is where the next one is made', () => {
    const index = openSym(
      `${head}FILE 0 a.cc\nFILE 1 b.h\nFILE 2 c.h\nINLINE_ORIGIN 0 b()\nINLINE_ORIGIN 1 c()\n` +
        'FUNC 1000 40 0 a()\nINLINE 0 10 0 0 1010 20\nINLINE 1 20 1 1 1018 4 1020 8\n' +
        '1000 10 9 0\n1010 20 30 2\n1030 10 12 0\n',
    );
    expect(functionAt(index, 0x1022)).toEqual({
      ...{ name: 'a()', start: 0x1000, parameterSize: 0, file: 'a.cc', line: 10, lineStart: 0x1010 },
      inlines: [
        { name: 'c()', file: 'c.h', line: 30 },
        { name: 'b()', file: 'b.h', line: 20 },
      ],
    });
    expect(functionAt(index, 0x101c)?.inlines).toEqual([{ name: 'b()', file: 'c.h', line: 30 }]);
    expect(functionAt(index, 0x1030)).toMatchObject({ line: 12, lineStart: 0x1030, inlines: [] });
  });

  it('INLINE in the old form, where the file of the call is not told and the origin has one', () => {
    const index = openSym(
      `${head}FILE 0 a.cc\nFILE 1 b.h\nINLINE_ORIGIN 0 1 b()\nINLINE_ORIGIN 1 -1 c()\nINLINE_ORIGIN 2 7\n` +
        'FUNC 1000 40 0 a()\nINLINE 0 10 0 1010 8 1020 8\nINLINE 1 11 1 1010 2\nINLINE 1 11 2 1020 2\n1000 40 5 1\n',
    );
    expect(functionAt(index, 0x1011)).toMatchObject({
      ...{ file: undefined, line: 10 },
      inlines: [
        { name: 'c()', file: 'b.h', line: 5 },
        { name: 'b()', file: undefined, line: 11 },
      ],
    });
    expect(functionAt(index, 0x1021)?.inlines[0]?.name).toBe('7');
    expect(index.brokenInlines).toBe(0);
  });

  it('an inlined call without INLINE_ORIGIN is left out; broken INLINE records cost themselves', () => {
    const index = openSym(
      `${head}INLINE_ORIGIN 1 c()\nFUNC 1000 40 0 a()\nINLINE 0 10 0 9 1000 40\nINLINE 1 11 0 1 1000 40\n` +
        'INLINE\nINLINE 0 1 2\nINLINE 0 1 0 1 zz 40\nINLINE 99999 1 0 1 1000 40\nINLINE_ORIGIN x y\n1000 40 5 1\n',
    );
    expect(functionAt(index, 0x1000)?.inlines).toEqual([{ name: 'c()', file: undefined, line: 5 }]);
    expect([index.brokenLines, index.brokenInlines]).toEqual([0, 5]);
  });

  it('a PUBLIC reaches up to the next FUNC; the greatest of one address is found; line 0 is none', () => {
    const index = openSym(
      `${head}FILE 3 a.c\nPUBLIC m 1000 4 one\nPUBLIC 1000 8 two\nPUBLIC 1000 8 three\nFUNC m 1100 10 c in\n1100 10 0 3\nPUBLIC 1200 0 last one\n`,
    );
    expect(functionAt(index, 0xfff)).toBeUndefined();
    expect(functionAt(index, 0x10ff)).toMatchObject({ name: 'two', start: 0x1000, parameterSize: 8 });
    expect(functionAt(index, 0x1100)).toMatchObject({ name: 'in', parameterSize: 12, file: 'a.c' });
    expect(functionAt(index, 0x1100)?.line).toBeUndefined();
    expect(functionAt(index, 0x1110)).toBeUndefined();
    expect(functionAt(index, 0x9999_0000)).toMatchObject({ name: 'last one', start: 0x1200 });
  });

  it('addresses of more than 32 bits, capital digits and several spaces', () => {
    const index = openSym(
      `${head}FILE 0 a.c\nFUNC  1FFFFFFFF000  AB 0  far\n1fffffffF000  10\t7 0 \nSTACK CFI INIT 1FFFFFFFF000 AB .cfa: $rsp 8 + .ra: .cfa 8 - ^\n`,
    );
    expect(functionAt(index, 0x1fff_ffff_f00f)).toMatchObject({ name: 'far', line: 7, file: 'a.c' });
    expect(functionAt(index, 0xffff_f00f)).toBeUndefined();
    expect(runSync(index.cfiAt(0x1fff_ffff_f0aa))).toBeDefined();
    expect(runSync(index.cfiAt(0x1fff_ffff_f0ab))).toBeUndefined();
  });

  it('INFO, and a MODULE without a name', () => {
    const index = openSym(
      'MODULE windows x86 ABC1\nINFO CODE_ID 5AB38077 a b.exe\nINFO URL http://x/y z\nINFO X\n',
    );
    expect(index.module).toEqual({ os: 'windows', cpu: 'x86', id: 'ABC1', name: undefined });
    expect([index.codeId, index.codeFile, index.url]).toEqual(['5AB38077', 'a b.exe', 'http://x/y z']);
    expect(openSym('').module).toBeUndefined();
  });

  it('STACK WIN: a later start ends the record before it, a flag that contradicts the type drops it', () => {
    const index = openSym(
      `MODULE windows x86 ABC1 a.pdb\nFUNC 1000 100 14 f\nSTACK WIN 4 1000 100 1 2 8 4 c 0 1 $eip $esp ^ =\n` +
        'STACK WIN 4 1080 80 0 0 c 0 0 0 1 $esp $esp 4 + =\nSTACK WIN 4 2000 10 0 0 0 0 0 0 0 1\nSTACK WIN 0 1000 200 0 0 10 0 0 0 0 1\nSTACK WIN 3 0 1 0 0 0 0 0 0 0 0\n',
    );
    const frameAt = (rva: number) => runSync(index.windowsFrameAt(rva));
    expect(frameAt(0x1000)).toEqual({
      ...{ start: 0x1000, size: 0x80, prologSize: 1, epilogSize: 2, parameterSize: 8, savedRegisterSize: 4 },
      ...{ localSize: 12, maxStackSize: 0, program: '$eip $esp ^ =', allocatesBasePointer: false },
    });
    expect(frameAt(0x1080)?.program).toBe('$esp $esp 4 + =');
    expect(frameAt(0x1100)).toMatchObject({ program: undefined, allocatesBasePointer: true });
    expect(frameAt(0x2000)).toBeUndefined();
    expect(functionAt(index, 0x1000)?.parameterSize).toBe(8);
    expect(index.brokenLines).toBe(0);
  });

  it('many lines and inlined calls of one function, in any order', () => {
    const random = generator(3);
    const lines = Array.from({ length: 5000 }, (_, i) => {
      const start = (0x1000 + i * 8).toString(16);
      return `${start} ${(1 + random(12)).toString(16)} ${1 + random(100_000)} ${random(5)}\n`;
    });
    const inlines = Array.from(
      { length: 3000 },
      (_, i) =>
        `INLINE ${i % 7} ${random(1 << 30)} ${random(5)} ${random(4)} ${(0x1000 + random(40_000)).toString(16)} ${(1 + random(900)).toString(16)}\n`,
    );
    for (let i = lines.length - 1; i > 0; i--) {
      const other = random(i);
      [lines[i], lines[other]] = [lines[other]!, lines[i]!];
    }
    const names = [0, 1, 2, 3, 4].map((i) => `FILE ${4 - i} f${i}\nINLINE_ORIGIN ${i} o${i}\n`);
    const text = `${head}${names.join('')}FUNC 1000 9c40 0 f\n${inlines.join('')}${lines.join('')}`;
    const index = openSym(text);
    const slow = new SlowSym(text);
    for (let i = 0; i < 300; i++) {
      const rva = 0x1000 + random(0x9c40);
      expect(functionAt(index, rva)).toEqual(slow.functionAt(rva));
    }
  });
});

describe('what is not as it should be', () => {
  it('a broken line costs that line; more than 100 make the file corrupt', () => {
    const broken = [
      '1000 zz 5 0',
      'FUNC',
      '???',
      'STACK',
      'FILE x y',
      'PUBLIC 10 q',
      '1000 123456789 5 0',
      '10 1 1 -1',
    ];
    const index = openSym(
      `${head}FILE 0 a.c\n${broken.join('\n')}\nFUNC 1000 10 0 f\n1000 8 -5 0\n1008 8 6 0\n`,
    );
    expect(index.brokenLines).toBe(broken.length);
    expect(index.corrupt).toBe(false);
    expect(functionAt(index, 0x1008)).toMatchObject({ name: 'f', line: 6 });
    expect(functionAt(index, 0x1000)).toMatchObject({ file: 'a.c', line: undefined, lineStart: 0x1000 });
    const corrupt = openSym(`${head}${'?\n'.repeat(101)}FUNC 1000 10 0 f\n`);
    expect([corrupt.brokenLines, corrupt.corrupt]).toEqual([101, true]);
    expect(functionAt(corrupt, 0x1008)?.name).toBe('f');
  });

  it('what follows a broken or empty FUNC or INIT goes with it, not to the one before', () => {
    const index = openSym(
      `${head}FILE 0 a.c\nFUNC 1000 10 0 f\nFUNC zz 10 0 g\n1000 8 5 0\nFUNC 2000 0 0 h\n1004 8 5 0\n` +
        'STACK CFI 1000 .cfa: $rsp 8 +\nSTACK CFI INIT 1000 10 .cfa: $rsp .ra: .cfa ^\nSTACK CFI INIT zz 10 .cfa: $rsp\nSTACK CFI 1000 .cfa: $rsp 8 +\nPUBLIC 3000 0 p\n1008 8 5 0\n',
    );
    expect(functionAt(index, 0x1000)).toMatchObject({ name: 'f', line: undefined });
    expect(functionAt(index, 0x1008)?.line).toBeUndefined();
    expect(runSync(index.cfiRulesAt(0x1000))).toEqual(['.cfa: $rsp .ra: .cfa ^']);
    expect(index.brokenLines).toBe(4);
  });

  it('CR LF, empty lines, NUL, bytes that are no UTF-8, no last newline', () => {
    const index = openSym(
      latin1(
        `${head.trimEnd()}\r\n\r\r\n  \n\nFILE 0 C:\\a b\\c.c\r\r\nFUNC 1000 10 0 caf\xe9\0x\xc3\xa9\r\n1000 10 7 0\r\nPUBLIC 2000 0 end`,
      ),
    );
    expect(index.module?.name).toBe('a.so');
    expect(functionAt(index, 0x1000)).toMatchObject({
      name: 'caf\ufffd\0x\u00e9',
      file: 'C:\\a b\\c.c',
      line: 7,
    });
    expect(functionAt(index, 0x2000)?.name).toBe('end');
    expect(index.brokenLines).toBe(0);
  });

  it('huge lines: up to 1 MiB they are lines, longer ones are skipped', () => {
    const name = 'n'.repeat(1_000_000);
    for (const size of [1 << 20, 3_000_000, 5_000_000]) {
      const index = openSym(
        `${head}FUNC 1000 10 0 ${name}\nFUNC 2000 10 0 ${'x'.repeat(size)}\nFUNC 3000 10 0 after\nFUNC 4000 10 0 ${'y'.repeat(size)}`,
      );
      expect(functionAt(index, 0x1000)?.name).toBe(name);
      expect(functionAt(index, 0x2000)).toBeUndefined();
      expect(functionAt(index, 0x3000)?.name).toBe('after');
      expect(index.brokenLines).toBe(2);
    }
  });

  it('lines are the same wherever the pieces end that are read', () => {
    const line = 'FUNC 1000 10 0 a line across the border\n';
    for (let shift = 0; shift <= line.length; shift++) {
      const filling = `FILE 0 ${'f'.repeat(1000)}\n`;
      const before = head + filling.repeat(Math.floor(((2 << 20) - head.length) / filling.length));
      const pad = (2 << 20) - before.length - shift;
      const padding = pad > 8 ? `FILE 1 ${'p'.repeat(pad - 8)}\n` : '\n'.repeat(Math.max(pad, 0));
      const index = openSym(`${before}${padding}${line}1000 10 9 1\n`);
      expect(index.brokenLines).toBe(0);
      expect(functionAt(index, 0x1000)).toMatchObject({ name: 'a line across the border', line: 9 });
    }
  });
});

describe('the index', () => {
  const text = `${head}FILE 0 a.c\n${Array.from({ length: 20_000 }, (_, i) => {
    const start = (0x1000 + i * 16).toString(16);
    return `FUNC ${start} 10 0 function number ${i}\n${start} 10 ${i + 1} 0\n`;
  }).join('')}`;
  const bytes = indexOf(text);

  it('is read in parts, through sources that answer later too', async () => {
    let read = 0;
    const source: Source = {
      size: bytes.length,
      read: async (offset, length) => {
        read += length;
        return bytes.slice(offset, offset + length);
      },
    };
    const index = await runAsync(SymIndex.open(source));
    expect(index.module?.name).toBe('a.so');
    expect(await runAsync(index.functionAt(0x1000 + 777 * 16))).toMatchObject({ line: 778, file: 'a.c' });
    expect(read).toBeLessThan(bytes.length / 3);
  });

  it('gives the same answers whether a source answers at once, however little is kept', async () => {
    const later: Source = {
      size: bytes.length,
      read: async (offset, length) => bytes.slice(offset, offset + length),
    };
    const atOnce = runSync(SymIndex.open(new BytesSource(bytes)));
    // Two indexes share a few blocks: each must get its own.
    const blocks = new BlockStore(3 << 12);
    const crowded = runSync(SymIndex.open(new BytesSource(bytes), { blocks }));
    const other = indexOf(text.replaceAll('function number', 'other number'));
    const neighbour = runSync(SymIndex.open(new BytesSource(other), { blocks }));
    const slow = await runAsync(SymIndex.open(later, { blocks: new BlockStore(3 << 12) }));
    for (let i = 0; i < 20_000; i += 397) {
      const rva = 0x1000 + i * 16;
      const expected = { name: `function number ${i}`, line: i + 1, file: 'a.c' };
      expect(runSync(atOnce.functionAt(rva))).toMatchObject(expected);
      expect(runSync(crowded.functionAt(rva))).toMatchObject(expected);
      expect(runSync(neighbour.functionAt(rva))).toMatchObject({ ...expected, name: `other number ${i}` });
      expect(await runAsync(slow.functionAt(rva))).toMatchObject(expected);
    }
  });

  it('says so where its file was cut off after it was opened', () => {
    let size = bytes.length;
    const read = (offset: number, length: number) => bytes.slice(offset, Math.min(offset + length, size));
    const index = runSync(SymIndex.open({ size: bytes.length, read, readNow: read }));
    size = 2 << 12;
    const truncated = expect.objectContaining({ name: 'MinidumpError', code: 'truncated' });
    expect(() => runSync(index.functionAt(0x1000 + 19_000 * 16))).toThrow(truncated);
  });

  it('refuses what is no index, another version, a header that was changed, and one that is cut off', () => {
    const opened = (changed: Uint8Array) => () => runSync(SymIndex.open(new BytesSource(changed)));
    const malformed = expect.objectContaining({ name: 'MinidumpError', code: 'malformed' });
    expect(opened(new Uint8Array(0))).toThrow(malformed);
    expect(opened(latin1(text))).toThrow(malformed);
    expect(opened(bytes.slice(0, -1))).toThrow(malformed);
    for (const at of [0, 8, 12, 16, 30, 70, 100, 160]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(opened(changed)).toThrow(malformed);
    }
  });
});
