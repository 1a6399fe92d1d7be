import { closeHandle, isInvalidHandle, lastError, type NativePointer, win32 } from '../../node/win32.js';
import { systemError } from './results.js';

/** Of szExeFile, in UTF-16 units. */
const MAX_PATH = 260;

/** What tlhelp32.h lists: TH32CS_*, the two functions, and the bytes of an entry. */
interface Kind {
  readonly flag: number;
  readonly first: string;
  readonly next: string;
  readonly size: number;
}

/** THREADENTRY32: seven words, the same on all processors. */
const THREADS: Kind = { flag: 4, first: 'Thread32First', next: 'Thread32Next', size: 28 };
const THREAD = { id: 8, process: 12 };

const wide = process.arch !== 'ia32';
/** PROCESSENTRY32W: the heap id is as wide as a pointer. */
const PROCESSES: Kind = {
  flag: 2,
  first: 'Process32FirstW',
  next: 'Process32NextW',
  size: wide ? 568 : 556,
};
const PROCESS = { pid: 8, name: wide ? 44 : 36 };

interface ProcessEntry {
  pid: number;
  /** Of the program's file, without a folder: `notepad.exe`. */
  name: string;
}

/** The processes that run now. @throws MinidumpError where they cannot be listed */
export function listProcesses(): ProcessEntry[] {
  return list(PROCESSES, 'the processes', (entry) => ({
    pid: entry.readUInt32LE(PROCESS.pid),
    name: entry.toString('utf16le', PROCESS.name, PROCESS.name + 2 * MAX_PATH).split('\0', 1)[0]!,
  }));
}

/** The ids of the threads that a process has now. @throws MinidumpError where they cannot be listed */
export function listThreads(pid: number): number[] {
  // They are those of all processes.
  return list(THREADS, `the threads of process ${pid}`, (entry) =>
    entry.readUInt32LE(THREAD.process) === pid ? entry.readUInt32LE(THREAD.id) : undefined,
  );
}

/** @param read is given each entry, in the same bytes; undefined leaves it out */
function list<T>(kind: Kind, what: string, read: (entry: Buffer) => T | undefined): T[] {
  const snapshot: NativePointer = win32(
    'kernel32',
    'void * __stdcall CreateToolhelp32Snapshot(uint32_t flags, uint32_t pid)',
  )(kind.flag, 0);
  if (isInvalidHandle(snapshot)) throw systemError(`${what} cannot be listed`, lastError());
  const step = (name: string) =>
    win32('kernel32', `int __stdcall ${name}(void *snapshot, _Inout_ void *entry)`);
  const [first, next] = [step(kind.first), step(kind.next)];
  const found: T[] = [];
  try {
    const entry = Buffer.alloc(kind.size);
    entry.writeUInt32LE(kind.size, 0);
    for (let more = first(snapshot, entry); more; more = next(snapshot, entry)) {
      const value = read(entry);
      if (value !== undefined) found.push(value);
      entry.writeUInt32LE(kind.size, 0);
    }
  } finally {
    closeHandle(snapshot);
  }
  return found;
}
