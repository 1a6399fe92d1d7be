/*
 * Calls MiniDumpWriteDump of a DLL with a callback that does what a plan says:
 * { dll, environment, offsets: { CallbackType of MINIDUMP_CALLBACK_INPUT }, output?: path, type?, answers: { [type]: [{ answer, bytes?, fill? }] } },
 * or `answers: null` for no callback. The n-th answer of a type is for its n-th callback, the last one for all further ones; types without one
 * get FALSE. `bytes` go into the output; `fill` is [where in the input the pointer to a buffer is, how many bytes, what with]. No code of
 * mdmp takes part: this is how the DLL itself is tried.
 */
import koffi from 'koffi';

const kernel = koffi.load('kernel32.dll');
const createFile = kernel.func(
  'void *__stdcall CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *)',
);
const closeHandle = kernel.func('bool __stdcall CloseHandle(void *)');
const lastError = kernel.func('uint32_t __stdcall GetLastError()');
const Routine = koffi.pointer(koffi.proto('int __stdcall Routine(void *, void *, void *)'));

export default function call(text) {
  const plan = JSON.parse(text);
  // Where Windows keeps it, which is where the DLL looks.
  Object.assign(process.env, plan.environment);
  const write = koffi
    .load(plan.dll)
    .func('int __stdcall MiniDumpWriteDump(uint64_t, uint32_t, void *, uint32_t, void *, void *, void *)');

  const seen = new Map();
  const routine = koffi.register((_param, input, output) => {
    const type = new DataView(koffi.view(input, 16)).getUint32(plan.offsets.CallbackType, true);
    const count = seen.get(type) ?? 0;
    seen.set(type, count + 1);
    const answers = plan.answers[type] ?? [];
    const { answer = 0, bytes = [], fill } = answers[Math.min(count, answers.length - 1)] ?? {};
    const reply = new Uint8Array(koffi.view(output, 52));
    for (const [at, hex] of bytes) reply.set(Buffer.from(hex, 'hex'), at);
    if (fill !== undefined) {
      const [at, size, value] = fill;
      const pointer = new DataView(koffi.view(input, at + 8)).getBigUint64(at, true);
      new Uint8Array(koffi.view(pointer, size)).fill(value);
    }
    return answer;
  }, Routine);

  const callback = Buffer.alloc(16);
  callback.writeBigUInt64LE(koffi.address(routine), 0);
  callback.writeBigUInt64LE(0x1122334455667788n, 8);
  // GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS
  const file = plan.output === undefined ? null : createFile(plan.output, 0xc0000000, 0, null, 2, 0x80, null);
  const done = write(
    0xabcdef0123n,
    4711,
    file,
    plan.type ?? 0,
    null,
    null,
    plan.answers === null ? null : callback,
  );
  const error = lastError();
  if (file !== null) closeHandle(file);
  koffi.unregister(routine);
  return JSON.stringify({ done, error });
}
