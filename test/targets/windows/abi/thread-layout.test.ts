import { expect, it } from 'vitest';
import { CONTEXT_AMD64, MINIDUMP_CALLBACK_TYPE as Type } from '../../../../src/format/index.js';
import {
  type Abi,
  checkThreadLayout,
  encodeInput,
  threadLayoutSize,
} from '../../../../src/targets/windows/abi/index.js';

const abi = (compiler: Abi['compiler'], cpu: Abi['cpu'] = 'x64'): Abi => ({ cpu, compiler });

/** A ThreadCallback as a DLL of that compiler makes it. */
function thread(
  compiler: Abi['compiler'],
  { flags = 0x10_001f, rsp = 0x12_fe10n, size = 1232 } = {},
): Uint8Array {
  // Bytes that are no context in any other place.
  const context = Uint8Array.from({ length: CONTEXT_AMD64.size }, (_, i) => i * 7 + 3);
  const view = new DataView(context.buffer);
  view.setUint32(CONTEXT_AMD64.offsetOf('ContextFlags'), flags, true);
  view.setBigUint64(CONTEXT_AMD64.offsetOf('Rsp'), rsp, true);
  const input = {
    ProcessId: 1,
    ProcessHandle: 4n,
    CallbackType: Type.ThreadCallback,
    Thread: {
      ThreadId: 0x1001,
      ThreadHandle: 8n,
      Context: context,
      SizeOfContext: size,
      StackBase: 0x12_fe10n,
      StackEnd: 0x13_0000n,
    },
  } as const;
  return encodeInput(input, abi(compiler), () => 0n).bytes;
}

const check = (bytes: Uint8Array, told: Abi['compiler']) =>
  checkThreadLayout(bytes.subarray(0, threadLayoutSize(Type.ThreadCallback, abi(told))), abi(told));

it.each(['msvc', 'gcc'] as const)('a thread of the compiler that was told passes (%s)', (compiler) => {
  check(thread(compiler), compiler);
  check(thread(compiler, { flags: 0x10_007f, size: 11_000 }), compiler);
});

it.each(['msvc', 'gcc'] as const)(
  'a thread passes that has ended, or a stack of its own (%s)',
  (compiler) => {
    check(thread(compiler, { flags: 0, rsp: 0n }), compiler);
    check(thread(compiler, { rsp: 0x7ff0_1234_5678n }), compiler);
  },
);

it.each([
  ['msvc', 'gcc'],
  ['gcc', 'msvc'],
] as const)("a thread of %s's layout is refused where %s was told", (made, told) => {
  expect(() => check(thread(made), told)).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: `this DLL has the layout of the other compiler: abi ${made}, not ${told}`,
    }),
  );
});

it('what fits nowhere is refused without a guess', () => {
  for (const bytes of [thread('msvc', { size: 716 }), thread('msvc', { flags: 0x1_003f })]) {
    expect(() => check(bytes, 'msvc')).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringContaining('no layout that is known'),
      }),
    );
  }
});

it('it looks no further than both layouts reach, and only where they differ', () => {
  for (const compiler of ['msvc', 'gcc'] as const) {
    expect(threadLayoutSize(Type.ThreadCallback, abi(compiler))).toBeLessThanOrEqual(thread('gcc').length);
    expect(threadLayoutSize(Type.ModuleCallback, abi(compiler))).toBe(0);
    expect(threadLayoutSize(Type.ThreadCallback, abi(compiler, 'arm64'))).toBe(0);
    expect(threadLayoutSize(Type.ThreadCallback, abi(compiler, 'x86'))).toBe(0);
  }
});
