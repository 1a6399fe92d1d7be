import { describe, expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { cppNames, rustNames } from './names.js';

describe('names of C++', () => {
  it.each(Object.entries(cppNames))('%s', (mangled, readable) => {
    expect(demangle(mangled)).toBe(readable);
  });
});

describe('names of Rust', () => {
  it.each(Object.entries(rustNames))('%s', (mangled, readable) => {
    expect(demangle(mangled)).toBe(readable);
  });
});

describe('short names', () => {
  it.each([
    ['_ZN1A1fEi', 'A::f'],
    ['_ZNK1A1fIiEET_S1_', 'A::f<int>'],
    ['_ZltIiEbR1AT_', 'operator< <int>'],
    ['_ZN1AcvT_IiEEv', 'A::operator int<int>'],
    ['_ZThn8_N1A1fEv', 'non-virtual thunk to A::f'],
    ['_ZTV1A', 'vtable for A'],
    ['_ZZ4mainENKUliE0_clEi', 'main::{lambda(int)#2}::operator()'],
    ['_ZZ1fIiEvT_E1x', 'f<int>::x'],
    ['_Z1fIiEPFvT_EPA3_S0_', 'f<int>'],
    ['_Z1fIPFviEEvT_', 'f<void (*)(int)>'],
    ['_Z1fi.cold', 'f [clone .cold]'],
    ['_RINvC1a1bFhEuE', 'a::b::<fn(u8)>'],
  ])('%s', (mangled, readable) => {
    expect(demangle(mangled, { parameters: false })).toBe(readable);
  });
});

describe('what is no mangled name comes back as it is', () => {
  it.each([
    '',
    '_',
    '_Z',
    '_R',
    '__Z',
    'main',
    'Read',
    '__REPORT__',
    '_ZN',
    '_Z1',
    '_Z4fo',
    '_Z1fT_',
    '_Z1fS0_',
    '_ZN1AE1',
    '_Z1fIiEvT0_',
    '_Z1fvx',
    '_RNvC1a9b',
    '_R1NvC1a1b',
    '_RNvB_1b',
    '_RINvC1a1bKb2_E',
    '_RINvC1a1bKcd800_E',
    '_GLOBAL__sub_I_x.cpp',
    '_ZN3foo3barE\u{1f600}',
  ])('%j', (name) => {
    expect(demangle(name)).toBe(name);
  });
});
