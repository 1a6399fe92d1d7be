import { closeHandle, isInvalidHandle, type NativePointer, win32 } from '../../node/win32.js';
import { withDebugPrivilege } from './privilege.js';
import { listThreads } from './toolhelp.js';

const THREAD_SUSPEND_RESUME = 0x2;
const THREAD_QUERY_LIMITED_INFORMATION = 0x800;
const ThreadSuspendCount = 35;
const STATUS_NOT_IMPLEMENTED = 0xc000_0002;
const STATUS_INVALID_INFO_CLASS = 0xc000_0003;
const FAILED = 0xffff_ffff;

interface Thread {
  readonly id: number;
  /** As long as it is open the id belongs to no other thread. */
  readonly handle: NativePointer;
  /** Its suspend count when this was made. */
  readonly before: number;
}

/**
 * How often each thread of a process is suspended, and how often it was before. A thread runs where that is 0; each SuspendThread adds one,
 * ResumeThread takes one away, whoever calls them.
 */
export class SuspendCounts implements Disposable {
  readonly #pid: number;
  readonly #threads: readonly Thread[];
  readonly #givenBack = new Set<number>();
  /** Threads that may not be opened: nothing is known of them. */
  readonly closed: readonly number[];

  /** @throws MinidumpError where threads cannot be listed */
  constructor(pid: number) {
    this.#pid = pid;
    const threads: Thread[] = [];
    const closed: number[] = [];
    for (const id of listThreads(pid)) {
      const handle = open(id);
      const before = isInvalidHandle(handle) ? undefined : suspendCount(handle);
      if (before !== undefined) threads.push({ id, handle, before });
      else {
        closeHandle(handle);
        closed.push(id);
      }
    }
    this.#threads = threads;
    this.closed = closed;
  }

  get size(): number {
    return this.#threads.length;
  }

  /** The threads that were suspended already when this was made. */
  get already(): number[] {
    return this.#threads.filter(({ before }) => before > 0).map(({ id }) => id);
  }

  /** The threads that are suspended more often than before, and how many of those that were there still live. */
  raised(): { ids: number[]; living: number } {
    const counts = this.#threads.map(({ id, handle, before }) => ({ id, before, now: suspendCount(handle) }));
    const living = counts.filter(({ now }) => now !== undefined);
    return {
      ids: living.filter(({ before, now }) => now! > before).map(({ id }) => id),
      living: living.length,
    };
  }

  /**
   * Resumes threads until each is suspended as often as before, each thread at most once: after that it is the process itself that
   * suspends them, as a garbage collector may.
   *
   * A thread that is new is resumed no more often than the others have to be.
   *
   * @param which decides by id and count before; all by default
   * @returns the threads that were resumed
   */
  giveBack(which: (id: number, before: number) => boolean = () => true): number[] {
    const resumed: number[] = [];
    let most = 0;
    for (const { id, handle, before } of this.#threads) {
      if (this.#givenBack.has(id) || !which(id, before)) continue;
      const by = resume(handle, before);
      most = Math.max(most, by);
      if (by > 0) resumed.push(id);
    }
    for (const id of most > 0 ? this.#newThreads() : []) {
      const handle = open(id);
      if (isInvalidHandle(handle)) continue;
      const now = suspendCount(handle) ?? 0;
      if (now > 0 && which(id, 0) && resume(handle, Math.max(0, now - most)) > 0) resumed.push(id);
      closeHandle(handle);
    }
    for (const id of resumed) this.#givenBack.add(id);
    return resumed;
  }

  [Symbol.dispose](): void {
    for (const { handle } of this.#threads) closeHandle(handle);
  }

  #newThreads(): number[] {
    const known = new Set([...this.#threads.map(({ id }) => id), ...this.closed, ...this.#givenBack]);
    try {
      return listThreads(this.#pid).filter((id) => !known.has(id));
    } catch {
      return []; // Those that are known have been given back.
    }
  }
}

/** Resumes a thread until its suspend count is `wanted`. Gives how often that was needed. */
function resume(handle: NativePointer, wanted: number): number {
  const now = suspendCount(handle) ?? 0;
  let by = 0;
  while (now - by > wanted) {
    // It gives the count that it found.
    const found = win32('kernel32', 'uint32_t __stdcall ResumeThread(void *thread)')(handle) as number;
    if (found === FAILED || found === 0) break;
    by++;
    if (found - 1 <= wanted) break;
  }
  return by;
}

/** Undefined for a thread that has ended, or that may not be looked at. */
function suspendCount(handle: NativePointer): number | undefined {
  const count = Buffer.alloc(4);
  const status: number = win32(
    'ntdll',
    'int32_t __stdcall NtQueryInformationThread(void *thread, int kind, _Out_ void *information, uint32_t size, void *length)',
  )(handle, ThreadSuspendCount, count, count.length, null);
  if (status === 0) return count.readUInt32LE(0);
  const code = status >>> 0;
  if (code !== STATUS_INVALID_INFO_CLASS && code !== STATUS_NOT_IMPLEMENTED) return undefined;
  return suspendCountByTrying(handle);
}

/** Windows before 8.1 tells the count only to whom changes it: the thread stands still for some microseconds. */
function suspendCountByTrying(handle: NativePointer): number | undefined {
  const before: number = win32('kernel32', 'uint32_t __stdcall SuspendThread(void *thread)')(handle);
  if (before === FAILED) return undefined;
  win32('kernel32', 'uint32_t __stdcall ResumeThread(void *thread)')(handle);
  return before;
}

function open(id: number): NativePointer {
  const openThread = win32(
    'kernel32',
    'void * __stdcall OpenThread(uint32_t access, int inherit, uint32_t id)',
  );
  const access = THREAD_SUSPEND_RESUME | THREAD_QUERY_LIMITED_INFORMATION;
  return withDebugPrivilege(() => openThread(access, 0, id)).handle;
}
