import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { MinidumpError } from '../../io/index.js';
import { loadKoffi, type NativeFunction } from '../../node/libc.js';
import { bound, win32 } from '../../node/win32.js';

const DECLARATION =
  'int __stdcall MiniDumpWriteDump(void *process, uint32_t pid, void *file, uint32_t type, void *exception, void *streams, void *callback)';

/** MiniDumpWriteDump of a DLL, or of the system's dbghelp.dll. @throws MinidumpError `invalid-argument`, `unsupported` */
export function miniDumpWriteDump(dll: string | undefined): NativeFunction {
  if (dll === undefined) return win32('dbghelp', DECLARATION);
  const path = resolve(dll);
  if (!existsSync(path)) throw new MinidumpError('invalid-argument', `there is no DLL ${path}`);
  // So that what is wrong with koffi is not taken for what is wrong with the DLL.
  loadKoffi();
  try {
    return bound(path, DECLARATION);
  } catch (cause) {
    const why = (cause as Error).message.split('\n')[0];
    throw new MinidumpError(
      'unsupported',
      `${path} is no DLL with a MiniDumpWriteDump for this Node: ${why}`,
      {
        advice: 'Give a dbghelp.dll or dbgcore.dll for the same processor as this Node.',
        cause,
      },
    );
  }
}

type Routine = (param: unknown, input: bigint, output: bigint) => 0 | 1;

let callbackType: ReturnType<ReturnType<typeof loadKoffi>['pointer']> | undefined;

/** A routine that native code can call, until it is disposed. */
export class RegisteredRoutine implements Disposable {
  readonly address: bigint;

  constructor(routine: Routine) {
    const koffi = loadKoffi();
    callbackType ??= koffi.pointer(
      koffi.proto('int __stdcall MdmpCallbackRoutine(void *param, void *input, void *output)'),
    );
    this.address = koffi.register(routine, callbackType);
  }

  [Symbol.dispose](): void {
    loadKoffi().unregister(this.address);
  }
}
