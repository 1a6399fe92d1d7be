import { currentProcess, type NativePointer, win32 } from '../../node/win32.js';
import type { Abi } from './abi/index.js';

/** PSS_CAPTURE_FLAGS of processsnapshot.h: all that DbgHelp may ask for, and how the clone is made. */
const FLAGS =
  0x1 + // PSS_CAPTURE_VA_CLONE
  0x4 + // PSS_CAPTURE_HANDLES
  0x8 + // PSS_CAPTURE_HANDLE_NAME_INFORMATION
  0x10 + // PSS_CAPTURE_HANDLE_BASIC_INFORMATION
  0x20 + // PSS_CAPTURE_HANDLE_TYPE_SPECIFIC_INFORMATION
  0x40 + // PSS_CAPTURE_HANDLE_TRACE
  0x80 + // PSS_CAPTURE_THREADS
  0x100 + // PSS_CAPTURE_THREAD_CONTEXT
  0x200 + // PSS_CAPTURE_THREAD_CONTEXT_EXTENDED
  0x0400_0000 + // PSS_CREATE_BREAKAWAY_OPTIONAL
  0x0800_0000 + // PSS_CREATE_BREAKAWAY
  0x2000_0000 + // PSS_CREATE_USE_VM_ALLOCATIONS
  0x8000_0000; // PSS_CREATE_RELEASE_SECTION

/** CONTEXT_ALL of winnt.h */
const CONTEXT_ALL: Readonly<Record<Abi['cpu'], number>> = {
  x64: 0x0010_001f,
  x86: 0x0001_003f,
  arm64: 0x0040_001f,
};

/** A snapshot of a process: a copy of its memory and threads that stands still (HPSS). */
export class ProcessSnapshot implements Disposable {
  /** What MiniDumpWriteDump takes for hProcess, if the callback says that it is one. */
  readonly handle: NativePointer;

  /** @throws the name of what failed and its Win32 code, as a text; the caller says what follows from it */
  constructor(process: NativePointer, cpu: Abi['cpu']) {
    const handle: NativePointer[] = [null];
    const error: number = win32(
      'kernel32',
      'uint32_t __stdcall PssCaptureSnapshot(void *process, uint32_t flags, uint32_t contextFlags, _Out_ void **snapshot)',
    )(process, FLAGS, CONTEXT_ALL[cpu], handle);
    if (error !== 0 || handle[0] === null) throw new Error(`PssCaptureSnapshot: error ${error}`);
    this.handle = handle[0]!;
  }

  [Symbol.dispose](): void {
    win32('kernel32', 'uint32_t __stdcall PssFreeSnapshot(void *process, void *snapshot)')(
      currentProcess(),
      this.handle,
    );
  }
}
