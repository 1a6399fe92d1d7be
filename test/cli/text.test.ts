import { describe, expect, it } from 'vitest';
import { toJson } from '../../src/cli/json.js';
import { fields, hexDump, printable, size, table } from '../../src/cli/text.js';
import { valueText } from '../../src/cli/value-text.js';

describe('printable', () => {
  it('escapes what would drive a terminal, and leaves the rest', () => {
    expect(printable('/opt/Grüße 東京 🙂/a b')).toBe('/opt/Grüße 東京 🙂/a b');
    expect(printable('\x1b]0;owned\x07')).toBe('\\u001b]0;owned\\u0007');
    expect(printable('a\nb\rc\td\0')).toBe('a\\nb\\rc\\td\\0');
    expect(printable('\x9b31m')).toBe('\\u009b31m'); // CSI in one character
    expect(printable('exe.\u202etxt')).toBe('exe.\\u202etxt');
    expect(printable('half \ud83d and \ude42')).toBe('half \\ud83d and \\ude42');
  });
});

describe('toJson', () => {
  it('keeps 64 bits, shows bytes, and stays JSON when it escapes', () => {
    const value = {
      base: 0xffff_ffff_ffff_ffffn,
      id: new Uint8Array([0xab, 1]),
      name: '\x1b\x9b\u202e\n"\\',
    };
    const json = toJson(value);
    expect(json).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(JSON.parse(json)).toEqual({
      base: '0xffffffffffffffff',
      id: { length: 2, hex: 'ab01' },
      name: value.name,
    });
  });
});

describe('layout for people', () => {
  it('aligns tables', () => {
    const columns = [{ title: 'id', right: true }, { title: 'name' }];
    expect(
      table(columns, [
        ['7', 'main'],
        ['1234', ''],
      ]),
    ).toBe(['  id  name', '   7  main', '1234'].join('\n'));
  });

  it('aligns fields, continued lines too', () => {
    expect(
      fields([
        ['a', '1'],
        ['long', 'x\ny'],
      ]),
    ).toBe('a     1\nlong  x\n      y');
  });

  it('names sizes', () => {
    expect([0, 1, 1023, 1024, 1536, 10 * 2 ** 20, 5n * 2n ** 40n].map((n) => size(n))).toEqual([
      '0 bytes',
      '1 byte',
      '1023 bytes',
      '1.0 KiB',
      '1.5 KiB',
      '10 MiB',
      '5.0 TiB',
    ]);
  });

  it('dumps as hexdump -C', () => {
    expect(hexDump(new TextEncoder().encode('MDMP\x00\x7f 0123456789'), 0x7ffen)).toBe(
      [
        '000000007ffe  4d 44 4d 50 00 7f 20 30  31 32 33 34 35 36 37 38  |MDMP.. 012345678|',
        '00000000800e  39                                                |9|',
      ].join('\n'),
    );
  });

  it('shows any value', () => {
    const value = {
      Name: 'x\x1b',
      Size: 16,
      Base: 0x1000n,
      Empty: [],
      Bytes: new Uint8Array([1, 2]),
      List: [{ A: 1 }, { A: 2 }],
      Left: undefined,
    };
    expect(valueText(value)).toBe(
      [
        'Name   x\\u001b',
        'Size   16 (0x10)',
        'Base   0x1000',
        'Empty  none',
        'Bytes  01 02',
        'List',
        '  [0]',
        '    A  1',
        '  [1]',
        '    A  2',
      ].join('\n'),
    );
  });
});
