import { join } from 'node:path';
import { loadKoffi, type NativeFunction } from './libc.js';

type Library = ReturnType<ReturnType<typeof loadKoffi>['load']>;

const libraries = new Map<string, Library>();
const functions = new Map<string, NativeFunction>();

/** INVALID_HANDLE_VALUE as koffi gives it for a pointer: -1, unsigned. */
const INVALID_HANDLE = process.arch === 'ia32' ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;

/** What koffi gives for a pointer or a handle: null is NULL. */
export type NativePointer = bigint | null;

/**
 * A function of a DLL of the system, by its name and declaration: `win32('kernel32', 'int __stdcall CloseHandle(void *handle)')`. The DLL is
 * taken from the system's folder, never from beside the program or from PATH, where somebody else may have put one.
 */
export function win32(dll: string, declaration: string): NativeFunction {
  return bound(join(systemFolder(), `${dll}.dll`), declaration);
}

/** The same of a DLL that the caller names by its path. */
export function bound(path: string, declaration: string): NativeFunction {
  const key = `${path}\0${declaration}`;
  let found = functions.get(key);
  if (found === undefined) {
    found = library(path).func(declaration) as NativeFunction;
    functions.set(key, found);
  }
  return found;
}

/** A function that the program itself exports, by its declaration: what libuv and Node have. They are found as the C library's on Linux. */
export { libc as exported } from './libc.js';

/** GetLastError after the last call made by this thread through koffi, which keeps it from what Node does meanwhile. */
export function lastError(): number {
  return win32('kernel32', 'uint32_t __stdcall GetLastError()')() as number;
}

export function isInvalidHandle(handle: NativePointer): boolean {
  return handle === null || handle === 0n || handle === INVALID_HANDLE;
}

export function closeHandle(handle: NativePointer): void {
  if (!isInvalidHandle(handle)) win32('kernel32', 'int __stdcall CloseHandle(void *handle)')(handle);
}

/** The pseudo-handle of this process, which need not be closed. */
export function currentProcess(): NativePointer {
  return win32('kernel32', 'void * __stdcall GetCurrentProcess()')();
}

function library(path: string): Library {
  let found = libraries.get(path);
  if (found === undefined) {
    found = loadKoffi().load(path);
    libraries.set(path, found);
  }
  return found;
}

/** Of environment variables only this one; the system sets it for every process. */
function systemFolder(): string {
  return join(process.env.SystemRoot ?? 'C:\\Windows', 'System32');
}
