import { describe, expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { damagedNames } from './damaged-names.js';
import { msvcNames } from './msvc-names.js';

const MAX_TEXT = 64 * 1024;

describe("Microsoft's names of C++, complete", () => {
  it.each(Object.entries(msvcNames))('%s', (mangled, readable) => {
    expect(demangle(mangled, { complete: true })).toBe(readable);
  });

  it.each([
    // What llvm-undname 19 does not know: functions of ARM64EC, 128-bit integers, `auto`, and values of C++20.
    ['?f@@$$hYAXH@Z', 'void __cdecl f(int)'],
    ['?f@A@@$$hQEAAXXZ', 'public: void __cdecl A::f(void)'],
    ['?f@@YAX_L_M@Z', 'void __cdecl f(__int128, unsigned __int128)'],
    ['?f@@YA?A_PXZ', 'auto __cdecl f(void)'],
    ['??$f@$2UA@@H00D0HI@@@@YAXXZ', 'void __cdecl f<struct A{1, 120}>(void)'],
    ['??$f@$2UA@@3H00@01@@PEBHE?g@@3HB@@@YAXXZ', 'void __cdecl f<struct A{{1, 2}, &int const g}>(void)'],
    ['??$f@$2UA@@7TU@@b@ADPIAAAAA@@@@@YAXXZ', 'void __cdecl f<struct A{union U{.b=1}}>(void)'],
    ['??$f@$2UA@@PEQS@@H8S@@a@@@@@YAXXZ', 'void __cdecl f<struct A{&S::a}>(void)'],
    ['??$f@$BMAAEAAAAAAAAAAAA@@@YAXXZ', 'void __cdecl f<-2.5>(void)'],
    ['??$f@$ADNMMMMMN@@@YAXXZ', 'void __cdecl f<0.1>(void)'],
    ['??$f@$MMADPIAAAAA@@@YAXXZ', 'void __cdecl f<1>(void)'],
    // It writes the first base only of a base's base.
    ['??_7D@@6BB@@C@@@', "const D::`vftable'{for `B's `C'}"],
    // It leaves out what is behind a name: what LLVM made of a function.
    ['?f@@YAXXZ.cold', 'void __cdecl f(void) [clone .cold]'],
    ['?f@@YAXXZ.resume', 'void __cdecl f(void) [clone .resume]'],
  ])('%s, which llvm-undname 19 reads otherwise or not', (mangled, readable) => {
    expect(demangle(mangled, { complete: true })).toBe(readable);
  });
});

describe("Microsoft's names of C++ as in stacks", () => {
  it.each([
    ['?f@@YAXH@Z', 'f(int)', 'f'],
    ['?f@A@@UEBAHXZ', 'A::f(void) const', 'A::f'],
    ['??0A@@QEAA@H@Z', 'A::A(int)', 'A::A'],
    ['??1?$A@H@N@@UEAA@XZ', 'N::A<int>::~A<int>(void)', 'N::A<int>::~A<int>'],
    ['??$f@VA@@@@YAXVA@@@Z', 'f<class A>(class A)', 'f<class A>'],
    ['??BA@@QEAAP6AHXZXZ', 'A::operator int (*)(void)(void)', 'A::operator int (*)(void)'],
    ['?f@@YAP6AXH@ZD@Z', 'f(char)', 'f'],
    ['?f@@YAXP6GXH@Z@Z', 'f(void (*)(int))', 'f'],
    ['?f@@YAXV?$function@$$A6AHD@Z@std@@@Z', 'f(class std::function<int (char)>)', 'f'],
    ['?f@A@@W7EAAXXZ', "[thunk]: A::f`adjustor{8}'(void)", '[thunk]: A::f'],
    ['??_GA@@UEAAPEAXI@Z', "A::`scalar deleting dtor'(unsigned int)", "A::`scalar deleting dtor'"],
    ['??_7A@@6B@', "const A::`vftable'", "const A::`vftable'"],
    [
      '??R<lambda_1>@?0??main@@YAHXZ@QEBA?A?<auto>@@H@Z',
      "`main(void)'::`1'::<lambda_1>::operator()(int) const",
      "`main'::`1'::<lambda_1>::operator()",
    ],
    ['?x@A@@2HA', 'int A::x', 'A::x'],
    ['??__Ex@@YAXXZ', "`dynamic initializer for 'x''(void)", "`dynamic initializer for 'x''"],
    ['??$f@$1?g@@YAXH@Z@@YAXXZ', 'f<&g(int)>(void)', 'f<&g>'],
    ['.?AVfoo@@', "class foo `RTTI Type Descriptor Name'", "class foo `RTTI Type Descriptor Name'"],
    ['?f@@YAXXZ.cold', 'f(void) [clone .cold]', 'f [clone .cold]'],
  ])('%s', (mangled, short, name) => {
    expect(demangle(mangled)).toBe(short);
    expect(demangle(mangled, { parameters: false })).toBe(name);
    expect(demangle(mangled, { parameters: false, complete: true })).toBe(name);
  });
});

describe('C functions of Windows', () => {
  it.each([
    ['_WinMain@16', 'WinMain'],
    ['@fast_call@8', 'fast_call'],
    ['vector_call@@16', 'vector_call'],
    ['_f@0', 'f'],
    ['__f@4', '_f'],
    // No sizes of parameters.
    ['_f@3', '_f@3'],
    ['f@4', 'f@4'],
    ['memcpy@@GLIBC_2.14', 'memcpy@@GLIBC_2.14'],
    ['_f@4x', '_f@4x'],
    ['_@4', '_@4'],
    ['_main', '_main'],
  ])('%s', (name, readable) => {
    expect(demangle(name)).toBe(readable);
  });
});

describe('names that are not read', () => {
  it.each([
    // Swift's.
    '$s4main3fooyyF',
    '_$s4main3fooyyF',
    '$S4main3fooyyF',
    '_T04main3fooyyF',
    '?',
    '??',
    '.?',
    '?f',
    '?f@@',
    '?f@@YAX',
    '?f@@YAXXZx',
    '?f@@YAX0@Z',
    '?f@9@YAXXZ',
    '??0@@QEAA@XZ',
    '??BA@@QEAA@XZ',
    '??_ZA@@QEAAXXZ',
    '?x@@3Y?0HA',
    '?x@@3YPPPPPPPPPPPPPPP@HA',
    '??@abc',
    '??_C@_2A@A@A@',
    '.text',
    '.?AVfoo',
  ])('%s', (name) => {
    expect(demangle(name)).toBe(name);
    expect(demangle(name, { complete: true })).toBe(name);
  });
});

describe('hostile names', () => {
  /** Each parameter is a function of the one before, `width` times: `width` to the power of nine. */
  const paramBomb = (width: number) => {
    let text = 'PEAPEAH';
    for (let i = 0; i < 9; i++) text += `P6AX${String(i).repeat(width)}@Z`;
    return `?f@@YAX${text}@Z`;
  };
  /** Each template has the one inside of it three times. */
  const templateBomb = (levels: number): string => {
    let inner = 'UB@@';
    for (let level = 0; level < levels; level++) inner = `U?$A@${inner}U1@U1@@@`;
    return `?f@@YAX${inner}@Z`;
  };

  it.each(
    Object.entries({
      'parameters of parameters': paramBomb(30),
      templates: templateBomb(200),
      pointers: `?f@@YAX${'PEA'.repeat(20_000)}H@Z`,
      arrays: `?x@@3${'Y0A@'.repeat(15_000)}HA`,
      'many dimensions': `?x@@3YBAAA@${'A@'.repeat(30_000)}HA`,
      scopes: `?f@${'?1??f@'.repeat(10_000)}`,
      'nested templates': `??$${'f@U?$'.repeat(10_000)}`,
      'nested operators': `??$${'?$'.repeat(30_000)}`,
      functions: `?f@@YAX${'P6A'.repeat(20_000)}`,
      initializers: `?${'?__E'.repeat(15_000)}`,
      structures: `??$f@$${'2UA@@'.repeat(12_000)}`,
      symbols: `??$f@${'$1??$f@'.repeat(9_000)}`,
      'a string': `??_C@_0A@AAAAAAAA@${'a'.repeat(60_000)}`,
      'qualified names': `?f@${'a@'.repeat(30_000)}`,
    }),
  )('gives up: %s', (_, name) => {
    expect(demangle(name)).toBe(name);
    expect(demangle(name, { complete: true })).toBe(name);
  });

  it('writes what doubles a few times', () => {
    expect(demangle(templateBomb(1))).toBe('f(struct A<struct B, struct B, struct B>)');
    expect(demangle(templateBomb(2))).toMatch(
      /^f\(struct A<struct A<struct B, struct B, struct B>, struct A</,
    );
    expect(demangle(paramBomb(1))).toMatch(/^f\(int \*\*, void \(\*\)\(int \*\*\), /);
  });

  it('reads damaged names without harm', () => {
    const names = Object.keys(msvcNames);
    const alphabet = '?@$ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.';
    let read = 0;
    for (const name of damagedNames(names, { alphabet, kept: 1 })) {
      const readable = demangle(name);
      expect(readable.length).toBeLessThanOrEqual(Math.max(MAX_TEXT, name.length));
      if (readable !== name) read++;
    }
    expect(read).toBeGreaterThan(1000);
  });
});
