import { type NativePointer, win32 } from '../../node/win32.js';

/** OpenProcess, with a handle that no child inherits: NULL where it fails, and `lastError` says why. */
export function openProcess(access: number, pid: number): NativePointer {
  return win32('kernel32', 'void * __stdcall OpenProcess(uint32_t access, int inherit, uint32_t pid)')(
    access,
    0,
    pid,
  );
}
