import { closeHandle, isInvalidHandle, lastError, type NativePointer, win32 } from '../../node/win32.js';
import { systemError } from './results.js';

const TH32CS_SNAPPROCESS = 2;
const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
/** Of szExeFile, in UTF-16 units. */
const MAX_PATH = 260;
/** Longest path that QueryFullProcessImageNameW may give, in UTF-16 units. */
const LONGEST_PATH = 32_768;

/** PROCESSENTRY32W: the heap id is as wide as a pointer. */
const ENTRY = process.arch === 'ia32' ? { pid: 8, name: 36, size: 556 } : { pid: 8, name: 44, size: 568 };

interface ProcessEntry {
  pid: number;
  /** Of the program's file, without a folder: `notepad.exe`. */
  name: string;
}

/** The processes that run now. */
function listProcesses(): ProcessEntry[] {
  const snapshot: NativePointer = win32(
    'kernel32',
    'void * __stdcall CreateToolhelp32Snapshot(uint32_t flags, uint32_t pid)',
  )(TH32CS_SNAPPROCESS, 0);
  if (isInvalidHandle(snapshot)) throw systemError('the processes cannot be listed', lastError());
  const step = (name: string) =>
    win32('kernel32', `int __stdcall ${name}(void *snapshot, _Inout_ void *entry)`);
  const entries: ProcessEntry[] = [];
  try {
    const entry = Buffer.alloc(ENTRY.size);
    entry.writeUInt32LE(ENTRY.size, 0);
    for (
      let more = step('Process32FirstW')(snapshot, entry);
      more;
      more = step('Process32NextW')(snapshot, entry)
    ) {
      const name = entry.toString('utf16le', ENTRY.name, ENTRY.name + 2 * MAX_PATH).split('\0', 1)[0]!;
      entries.push({ pid: entry.readUInt32LE(ENTRY.pid), name });
    }
  } finally {
    closeHandle(snapshot);
  }
  return entries;
}

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
  const handle: NativePointer = win32(
    'kernel32',
    'void * __stdcall OpenProcess(uint32_t access, int inherit, uint32_t pid)',
  )(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
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
