/*
 * Dumps a process by the system's own dbghelp.dll with a callback that takes note of everything, as a plan says:
 * { pid, output, type, inputSize, answers?: { [type]: { answer, bytes? } } }. Gives { done, error, version, calls: [{ type, input, before, text? }] }, bytes in
 * hexadecimal. What has no answer gets TRUE and the output as it is. No code of mdmp takes part.
 */
import koffi from 'koffi';

const kernel = koffi.load('kernel32.dll');
const openProcess = kernel.func('void *__stdcall OpenProcess(uint32_t, bool, uint32_t)');
const createFile = kernel.func(
  'void *__stdcall CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *)',
);
const closeHandle = kernel.func('bool __stdcall CloseHandle(void *)');
const lastError = kernel.func('uint32_t __stdcall GetLastError()');
const write = koffi
  .load('dbghelp.dll')
  .func('int __stdcall MiniDumpWriteDump(void *, uint32_t, void *, uint32_t, void *, void *, void *)');

const Routine = koffi.pointer(koffi.proto('int __stdcall Routine(void *, void *, void *)'));
const hex = (bytes) => Buffer.from(bytes).toString('hex');

export default function call(text) {
  const plan = JSON.parse(text);
  const calls = [];
  const routine = koffi.register((_param, input, output) => {
    const bytes = Buffer.from(new Uint8Array(koffi.view(input, plan.inputSize)));
    const reply = new Uint8Array(koffi.view(output, 52));
    const type = bytes.readUInt32LE(12);
    const call = { type, input: hex(bytes), before: hex(reply) };
    if (type === 0) call.text = koffi.decode(bytes.readBigUInt64LE(16), 'char16_t', -1);
    calls.push(call);
    const { answer = 1, bytes: changes = [] } = plan.answers?.[type] ?? {};
    for (const [at, text] of changes) reply.set(Buffer.from(text, 'hex'), at);
    return answer;
  }, Routine);
  const callback = Buffer.alloc(16);
  callback.writeBigUInt64LE(koffi.address(routine), 0);

  // PROCESS_VM_READ | PROCESS_DUP_HANDLE | PROCESS_QUERY_INFORMATION | PROCESS_SUSPEND_RESUME
  const target = openProcess(0xc50, false, plan.pid);
  if (target === null) throw new Error(`OpenProcess: ${lastError()}`);
  // GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS
  const file = createFile(plan.output, 0xc0000000, 0, null, 2, 0x80, null);
  const done = write(target, plan.pid, file, plan.type, null, null, callback);
  const error = lastError();
  closeHandle(file);
  closeHandle(target);
  koffi.unregister(routine);
  return JSON.stringify({ done, error, calls });
}
