import { describe, expect, it } from 'vitest';
import {
  array,
  at,
  bytes,
  constants,
  i8,
  i16,
  i32,
  i64,
  overlay,
  struct,
  u8,
  u16,
  u32,
  u64,
  utf16,
} from '../../src/format/index.js';

const all = struct('all', {
  a: u8,
  b: i8,
  c: u16,
  d: i16,
  e: u32,
  f: i32,
  g: u64,
  h: i64,
  text: utf16(4),
  raw: bytes(3),
  list: array(u16, 3),
});
const value = {
  a: 0xfe,
  b: -2,
  c: 0xfedc,
  d: -2,
  e: 0xfedcba98,
  f: -2,
  g: 0xfedcba9876543210n,
  h: -2n,
  text: 'abc',
  raw: Uint8Array.of(1, 2, 3),
  list: [1, 2, 3],
};

describe('layouts', () => {
  it('pack their fields', () => {
    expect(all.fields.map(({ offset }) => offset)).toEqual([0, 1, 2, 4, 6, 10, 14, 22, 30, 38, 41]);
    expect(all.size).toBe(47);
    expect(all.offsetOf('raw')).toBe(38);
  });

  it.each([true, false])('read what they wrote (little-endian: %s)', (littleEndian) => {
    const buffer = new Uint8Array(60).fill(0xaa);
    all.write(new DataView(buffer.buffer), 7, value, littleEndian);
    expect(all.decode(buffer, 7, littleEndian)).toEqual(value);
    expect([buffer[6], buffer[7 + all.size]]).toEqual([0xaa, 0xaa]);
    expect(Array.from(buffer.subarray(13, 17))).toEqual(
      littleEndian ? [0x98, 0xba, 0xdc, 0xfe] : [0xfe, 0xdc, 0xba, 0x98],
    );
  });

  it('decode a view that does not start at 0', () => {
    const outer = new Uint8Array(64);
    outer.set(all.encode(value), 5);
    expect(all.decode(outer.subarray(5))).toEqual(value);
  });

  it('write what is left out as zero', () => {
    expect(all.encode({})).toEqual(new Uint8Array(all.size));
    const buffer = new Uint8Array(all.size).fill(0xff);
    all.write(new DataView(buffer.buffer), 0, { raw: Uint8Array.of(9), list: [7] });
    expect(all.decode(buffer)).toMatchObject({
      a: 0,
      text: '',
      raw: Uint8Array.of(9, 0, 0),
      list: [7, 0, 0],
    });
  });

  it('cut texts, leaving a NUL, and refuse what else does not fit', () => {
    expect(all.decode(all.encode({ text: 'abcdef' })).text).toBe('abc');
    expect(() => all.encode({ raw: new Uint8Array(4) })).toThrow(RangeError);
    expect(() => all.encode({ list: [1, 2, 3, 4] })).toThrow(RangeError);
  });

  it('give a copy of bytes', () => {
    const encoded = all.encode(value);
    const read = all.decode(encoded);
    encoded.fill(0);
    expect(read.raw).toEqual(value.raw);
  });
});

describe('unions', () => {
  const union = struct('union', {
    kind: u16,
    word: at(4, u32),
    halves: overlay('word', array(u16, 2)),
    octets: overlay('word', bytes(6)),
    after: u8,
  });

  it('share their place, and what follows comes after the longest arm', () => {
    expect(union.fields.map(({ offset }) => offset)).toEqual([0, 4, 4, 4, 10]);
    expect(union.fields.map(({ overlaid }) => overlaid)).toEqual([false, false, true, true, false]);
    expect(union.size).toBe(11);
  });

  it('are read as every arm', () => {
    const read = union.decode(union.encode({ word: 0x00020001 }));
    expect(read).toMatchObject({ word: 0x20001, halves: [1, 2], octets: Uint8Array.of(1, 0, 2, 0, 0, 0) });
  });

  it('are written by the first arm that is given', () => {
    const read = union.decode(union.encode({ word: 5 }));
    expect(union.decode(union.encode({ ...read, word: 6 })).word).toBe(6);
    expect(union.decode(union.encode({ halves: [1, 2], octets: Uint8Array.of(9) })).word).toBe(0x20001);
    expect(union.decode(union.encode({ octets: Uint8Array.of(9), after: 3 }))).toMatchObject({
      word: 9,
      after: 3,
    });
  });

  it('may be padded at their end', () => {
    expect(struct('padded', { a: u8 }, 8).encode({ a: 1 })).toHaveLength(8);
  });

  it('name an earlier field', () => {
    expect(() => struct('wrong', { a: overlay('b', u8) })).toThrow('wrong.a: no earlier field b');
  });
});

describe('constants', () => {
  const flags = constants({ NONE: 0, A: 1, B: 2, ALSO_B: 2, BOTH: 3, TOP: 0x80000000 });

  it('name a value by its first name', () => {
    expect(flags.nameOf(2)).toBe('B');
    expect(flags.nameOf(7)).toBeUndefined();
  });

  it('name the bits of flags, and show the rest', () => {
    expect(flags.flagNames(0)).toEqual([]);
    expect(flags.flagNames(0x80000001)).toEqual(['A', 'TOP']);
    expect(flags.flagNames(0x13)).toEqual(['A', 'B', '0x10']);
  });
});
