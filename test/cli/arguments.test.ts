import { describe, expect, it } from 'vitest';
import { parseAddress, parseId, parseSeconds, parseSize } from '../../src/cli/arguments.js';
import { dumpTypeName, parseDumpType } from '../../src/dump/dump-type-text.js';

const wrong = expect.objectContaining({ code: 'invalid-argument' });

describe('arguments', () => {
  it.each([
    ['4096', 4096],
    ['0x1000', 4096],
    ['64K', 65536],
    ['1MiB', 1 << 20],
    ['2g', 2 ** 31],
    ['10b', 10],
  ])('size %s', (text, bytes) => expect(parseSize(text, 'it')).toBe(bytes));

  it.each(['', '-1', '1.5K', 'K', '1x', '1e3', '99999999999T'])('no size: %s', (text) =>
    expect(() => parseSize(text, 'it')).toThrow(wrong),
  );

  it.each([
    ['0x7ffe12340000', 0x7ffe12340000n],
    ['7ffe`12340000', 0x7ffe12340000n],
    ['1000', 1000n],
    ['0xffffffffffffffff', 0xffffffffffffffffn],
  ])('address %s', (text, address) => expect(parseAddress(text, 'it')).toBe(address));

  it.each(['', '0x', 'main', '-1', '0x10000000000000000'])('no address: %s', (text) =>
    expect(() => parseAddress(text, 'it')).toThrow(wrong),
  );

  it('ids and seconds', () => {
    expect(parseId('42', 'it')).toBe(42);
    for (const text of ['0', '-1', '0x10', '4294967296', 'self'])
      expect(() => parseId(text, 'it')).toThrow(wrong);
    expect(parseSeconds('.5', 'it')).toBe(500);
    for (const text of ['0', '-1', 'x', '1e999']) expect(() => parseSeconds(text, 'it')).toThrow(wrong);
  });
});

describe('dump types', () => {
  it.each([
    ['normal', 0],
    ['full', 2],
    ['MiniDumpWithFullMemory', 2],
    ['with-full-memory', 2],
    ['FULL_MEMORY', 2],
    ['full,ignore-inaccessible-memory', 0x20002],
    ['FullMemory, 0x1000', 0x1002],
    ['WithoutOptionalData', 0x400],
    ['full-memory-info|ThreadInfo', 0x1800],
    ['4', 4],
  ])('%s', (text, type) => expect(parseDumpType(text)).toBe(type));

  it.each(['', 'everything', 'full,', 'ValidTypeFlags', '0x123456789'])('no type: %s', (text) =>
    expect(() => parseDumpType(text)).toThrow(wrong),
  );

  it('have names', () => {
    expect(dumpTypeName(0)).toBe('MiniDumpNormal');
    expect(dumpTypeName(0x20002n)).toBe('MiniDumpWithFullMemory, MiniDumpIgnoreInaccessibleMemory');
  });
});
