/** The structures that DbgHelp and its callback exchange, against what compilers say. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { type Abi, structuresOf } from '../../../../src/targets/windows/abi/index.js';
import { needsLayouts } from '../../../format/layouts-json.js';
import { describeWith, requireTool } from '../../../support/tools.js';
import { abiName, measured, measuredAbis } from './measured.js';

const names = Object.keys(structuresOf({ cpu: 'x64', compiler: 'msvc' })) as (keyof ReturnType<
  typeof structuresOf
>)[];

/** Padding that ARM64's declaration spells out. */
const padding = new Set(['Pad']);

describeWith([needsLayouts], 'structures of the callback against layouts.json', () => {
  for (const abi of measuredAbis) {
    it.each(names)(`${abiName(abi)}: %s`, (name) => {
      const ours = structuresOf(abi)[name];
      const theirs = measured(abi, name);
      expect(ours.name).toBe(name);
      expect(ours.size).toBe(theirs.size);
      expect(
        Object.fromEntries(
          ours.fields.map((field) => [field.name, { offset: field.offset, size: field.layout.size }]),
        ),
      ).toEqual(Object.fromEntries(Object.entries(theirs.fields).filter(([field]) => !padding.has(field))));
    });
  }

  it('differ between compilers where the contract says, and nowhere else', () => {
    const differing = (cpu: Abi['cpu']) =>
      names
        .filter((name) => {
          const [msvc, gcc] = (['msvc', 'gcc'] as const).map((compiler) => {
            const { size, fields } = structuresOf({ cpu, compiler })[name];
            return JSON.stringify([size, fields.map(({ offset, layout }) => [offset, layout.size])]);
          });
          return msvc !== gcc;
        })
        .sort();
    const withContext = [
      'MINIDUMP_CALLBACK_INPUT',
      'MINIDUMP_THREAD_CALLBACK',
      'MINIDUMP_THREAD_EX_CALLBACK',
    ];
    expect(differing('x64')).toEqual(withContext);
    expect(differing('x86')).toEqual([]);
    // Context is at 16 with both; only the end differs.
    expect(differing('arm64')).toEqual(withContext);
  });
});

/** layouts.json has no gcc numbers for ARM64: clang, told to lay out as gcc does, is asked for all of them. */
describeWith(['clang++-19'], 'structures with a CONTEXT against clang', () => {
  const triples: [Abi, string][] = [
    [{ cpu: 'x64', compiler: 'gcc' }, 'x86_64-w64-windows-gnu'],
    [{ cpu: 'x64', compiler: 'msvc' }, 'x86_64-pc-windows-msvc'],
    [{ cpu: 'arm64', compiler: 'gcc' }, 'aarch64-w64-windows-gnu'],
    [{ cpu: 'arm64', compiler: 'msvc' }, 'aarch64-pc-windows-msvc'],
  ];
  it.each(triples)('%o', (abi, triple) => {
    const structures = structuresOf(abi);
    const context = structures.MINIDUMP_THREAD_CALLBACK.fields.find(({ name }) => name === 'Context')!;
    const pad = abi.cpu === 'arm64' ? 'unsigned Pad;' : '';
    const thread = `unsigned ThreadId; void *ThreadHandle; ${pad} CONTEXT Context; unsigned SizeOfContext;
      unsigned long long StackBase, StackEnd;`;
    const asserts = (
      ['MINIDUMP_THREAD_CALLBACK', 'MINIDUMP_THREAD_EX_CALLBACK', 'MINIDUMP_CALLBACK_INPUT'] as const
    )
      .flatMap((name) => [
        `static_assert(sizeof(${name}) == ${structures[name].size}, "size");`,
        ...structures[name].fields
          .filter(({ name: field }) => name !== 'MINIDUMP_CALLBACK_INPUT' || /^(Process|Thread)/.test(field))
          .map(
            (field) =>
              `static_assert(__builtin_offsetof(${name}, ${field.name}) == ${field.offset}, "${field.name}");`,
          ),
      ])
      .join('\n');
    const source = `
      struct __attribute__((aligned(16))) CONTEXT { char all[${context.layout.size}]; };
      #pragma pack(push, 4)
      struct MINIDUMP_THREAD_CALLBACK { ${thread} };
      struct MINIDUMP_THREAD_EX_CALLBACK { ${thread} unsigned long long BackingStoreBase, BackingStoreEnd; };
      struct MINIDUMP_CALLBACK_INPUT {
        unsigned ProcessId; void *ProcessHandle; unsigned CallbackType;
        union { long Status; MINIDUMP_THREAD_CALLBACK Thread; MINIDUMP_THREAD_EX_CALLBACK ThreadEx; };
      };
      #pragma pack(pop)
      ${asserts}`;
    execFileSync(
      requireTool('clang++-19'),
      [`--target=${triple}`, '-std=c++17', '-ffreestanding', '-fsyntax-only', '-x', 'c++', '-'],
      { input: source, stdio: ['pipe', 'ignore', 'pipe'], timeout: 60_000 },
    );
  });
});
