import { currentProcess, type NativePointer, win32 } from './win32.js';

export const TOKEN_QUERY = 8;
export const TOKEN_ADJUST_PRIVILEGES = 0x20;

/** The access token of this process. Null where it cannot be opened, and `lastError` says why. */
export function openOwnToken(access: number): NativePointer {
  const token: NativePointer[] = [null];
  const opened = win32(
    'advapi32',
    'int __stdcall OpenProcessToken(void *process, uint32_t access, _Out_ void **token)',
  )(currentProcess(), access, token);
  return opened ? token[0]! : null;
}
