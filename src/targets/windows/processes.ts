import { closeHandle, isInvalidHandle, type NativePointer, win32 } from '../../node/win32.js';
import { openProcess } from './open-process.js';
import { listProcesses } from './toolhelp.js';

const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
/** Longest path that QueryFullProcessImageNameW may give, in UTF-16 units. */
const LONGEST_PATH = 32_768;

/**
 * The processes of a name, newest first, without this one: of their file, with or without `.exe`, in any case; or of its whole path, where
 * `name` has a backslash or slash in it.
 */
export function findByName(name: string): number[] {
  const path = /[\\/]/.test(name) ? name.replaceAll('/', '\\').toLowerCase() : undefined;
  const wanted = name.toLowerCase();
  return listProcesses()
    .filter(({ pid, name: file }) => {
      if (pid === 0 || pid === process.pid) return false;
      if (path !== undefined) return inspect(pid, imagePath)?.toLowerCase() === path;
      const lower = file.toLowerCase();
      return lower === wanted || lower === `${wanted}.exe`;
    })
    .map(({ pid }) => ({ pid, created: inspect(pid, creationTime) ?? 0n }))
    .sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : b.pid - a.pid))
    .map(({ pid }) => pid);
}

/** The name of a process' program, without `.exe`; undefined where there is no such process. */
export function processName(pid: number): string | undefined {
  return listProcesses()
    .find((entry) => entry.pid === pid)
    ?.name.replace(/\.exe$/i, '');
}

function inspect<T>(pid: number, look: (handle: NativePointer) => T | undefined): T | undefined {
  const handle = openProcess(PROCESS_QUERY_LIMITED_INFORMATION, pid);
  if (isInvalidHandle(handle)) return undefined;
  try {
    return look(handle);
  } finally {
    closeHandle(handle);
  }
}

function imagePath(handle: NativePointer): string | undefined {
  const text = Buffer.alloc(2 * LONGEST_PATH);
  const length = [LONGEST_PATH];
  const got = win32(
    'kernel32',
    'int __stdcall QueryFullProcessImageNameW(void *process, uint32_t flags, _Out_ void *name, _Inout_ uint32_t *size)',
  )(handle, 0, text, length);
  return got ? text.toString('utf16le', 0, 2 * length[0]!) : undefined;
}

/** FILETIME: 100 ns since 1601. */
function creationTime(handle: NativePointer): bigint | undefined {
  const times = Array.from({ length: 4 }, () => Buffer.alloc(8));
  const got = win32(
    'kernel32',
    'int __stdcall GetProcessTimes(void *process, _Out_ void *created, _Out_ void *ended, _Out_ void *kernel, _Out_ void *user)',
  )(handle, ...times);
  return got ? times[0]!.readBigUInt64LE() : undefined;
}
