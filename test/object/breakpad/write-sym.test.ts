import { expect, it } from 'vitest';
import { BytesSink, runSync, type Task } from '../../../src/io/index.js';
import { type SymIdentity, type WriteSymOptions, writeSym } from '../../../src/object/breakpad/index.js';
import type { SymbolListener } from '../../../src/object/symbol-listing.js';

const identity: SymIdentity = {
  os: 'Linux',
  cpu: 'x86_64',
  debugIdentifier: '0123456789ABCDEF0123456789ABCDEF0',
  codeIdentifier: 'EFCDAB89',
  name: 'app',
};

/** The lines that are written of what is told. */
function written(tell: (listener: SymbolListener) => void, options?: WriteSymOptions): string[] {
  const sink = new BytesSink();
  const lister = {
    *list(listener: SymbolListener): Task<void> {
      tell(listener);
    },
  };
  const summary = runSync(writeSym(identity, lister, sink, options));
  const bytes = sink.bytes();
  expect(summary.bytes).toBe(bytes.length);
  const lines = new TextDecoder().decode(bytes).split('\n');
  expect(lines.pop()).toBe('');
  return lines;
}

const records = (tell: (listener: SymbolListener) => void, options?: WriteSymOptions) =>
  written(tell, options).slice(2);

it('begins with the module', () => {
  expect(written(() => {})).toEqual([
    'MODULE Linux x86_64 0123456789ABCDEF0123456789ABCDEF0 app',
    'INFO CODE_ID EFCDAB89',
  ]);
});

it('numbers the files that lines and calls speak of, and the inlined functions, in the order of their names; functions go by address', () => {
  const lines = records((to) => {
    const late = to.file('/z.c');
    to.file('/unused.c');
    const early = to.file('/a.c');
    const square = to.origin('_Z6squarei');
    const add = to.origin('add');
    to.function(0x2000, 0x20, 0, '_Z4mainv');
    to.line(0x2000, 0x10, 1_000_000, late);
    to.line(0x2010, 0x10, 7, early);
    to.inline(0, 12, early, square, [0x2004, 4, 0x2010, 2]);
    to.inline(1, 3, late, add, [0x2004, 2]);
    to.function(0x1000, 0x10, 8, 'first');
    to.line(0x1000, 1, 1, early);
  });
  expect(lines).toEqual([
    'FILE 0 /a.c',
    'FILE 1 /z.c',
    'INLINE_ORIGIN 0 add',
    'INLINE_ORIGIN 1 square(int)',
    'FUNC 1000 10 8 first',
    '1000 1 1 0',
    'FUNC 2000 20 0 main()',
    'INLINE 0 12 0 1 2004 4 2010 2',
    'INLINE 1 3 1 0 2004 2',
    '2000 10 1000000 1',
    '2010 10 7 0',
  ]);
});

it('writes one symbol an address, the first, and none where a function begins', () => {
  const tell = (to: SymbolListener) => {
    to.publicSymbol(0x3000, 0, 'b');
    to.publicSymbol(0x1000, 0, 'other');
    to.publicSymbol(0x3000, 4, 'a');
    to.publicSymbol(0x123456789, 0, '_ZN1nE');
    to.publicSymbol(0, 0, 'zero');
    to.function(0x1000, 1, 0, 'f');
  };
  expect(records(tell)).toEqual([
    'FUNC 1000 1 0 f',
    'PUBLIC 0 0 zero',
    'PUBLIC 3000 0 b',
    'PUBLIC 123456789 0 n',
  ]);
  expect(records(tell, { multiple: true })).toEqual([
    'FUNC m 1000 1 0 f',
    'PUBLIC 0 0 zero',
    'PUBLIC m 3000 0 b',
    'PUBLIC 123456789 0 n',
  ]);
});

it('writes a function that several units have once, and functions that were folded together each', () => {
  const lines = records((to) => {
    for (const name of ['g', 'f', 'g']) to.function(0x10, 4, 0, name);
  });
  expect(lines).toEqual(['FUNC 10 4 0 f', 'FUNC 10 4 0 g']);
});

it('writes frames in the order that they are told, with what changes in them', () => {
  const lines = records((to) => {
    to.cfi(0x1020, 0x10, '.cfa: $rsp 8 + .ra: .cfa -8 + ^');
    to.cfiDelta(0x1021, '$rbp: .cfa -16 + ^ .cfa: $rsp 16 +');
    // Empty: what follows belongs to nothing.
    to.cfi(0x1000, 0, '.cfa: $rsp 8 +');
    to.cfiDelta(0x1001, '.cfa: $rsp 16 +');
    const common = { prologSize: 1, epilogSize: 2, parameterSize: 4, savedRegisterSize: 8, localSize: 16 };
    to.windowsFrame({
      ...{ start: 0x1000, size: 0x30, ...common, maxStackSize: 0, allocatesBasePointer: false },
      program: '$T0 $ebp = $eip $T0 4 + ^ =',
    });
    to.windowsFrame({
      ...{ start: 0x2000, size: 0x30, ...common, maxStackSize: 0, allocatesBasePointer: true },
      program: undefined,
    });
  });
  expect(lines).toEqual([
    'STACK CFI INIT 1020 10 .cfa: $rsp 8 + .ra: .cfa -8 + ^',
    'STACK CFI 1021 $rbp: .cfa -16 + ^ .cfa: $rsp 16 +',
    'STACK WIN 4 1000 30 1 2 4 8 10 0 1 $T0 $ebp = $eip $T0 4 + ^ =',
    'STACK WIN 0 2000 30 1 2 4 8 10 0 0 1',
  ]);
});

it('leaves out what is impossible, and lets no name end a line', () => {
  const lines = records((to) => {
    to.line(1, 1, 1, to.file('nowhere'));
    to.function(-1, 10, 0, 'before all');
    to.line(0, 1, 1, to.file('nowhere'));
    to.function(0x10, Number.NaN, 0, 'sizeless');
    to.function(0x10, 0x10, 0, 'two\nFUNC 20 1 0 lines');
    to.line(0x10, 0, 1, to.file('nowhere'));
    to.line(0x14, 4, 0, to.file('x\r\ny'));
    to.publicSymbol(Number.POSITIVE_INFINITY, 0, 'far');
  });
  expect(lines).toEqual(['FILE 0 x y', 'FUNC 10 10 0 two FUNC 20 1 0 lines', '14 4 0 0']);
});

it('keeps hundreds of thousands of lines in any order, and numbers of any length', () => {
  const expected: string[] = [];
  const lines = records((to) => {
    const file = to.file('f');
    to.function(0, 2 ** 40, 0, 'big');
    for (let i = 0; i < 200_000; i++) {
      const start = (i * 7_919_003) % 2 ** 40;
      const line = (i * 104_729) % 2 ** 31;
      to.line(start, i + 1, line, file);
      expected.push(`${start.toString(16)} ${(i + 1).toString(16)} ${line} 0`);
    }
  });
  expect(lines.slice(2)).toEqual(expected);
});
