import { MinidumpError } from '../../io/index.js';
import { closeHandle, isInvalidHandle, type NativePointer, win32 } from '../../node/win32.js';
import { checkMachine, ownCpu } from './machine.js';
import { openProcess } from './open-process.js';
import { withDebugPrivilege } from './privilege.js';
import { systemError } from './results.js';
import { ProcessSnapshot } from './snapshot.js';

const PROCESS_CREATE_PROCESS = 0x0080;
const PROCESS_VM_OPERATION = 0x0008;
const PROCESS_VM_READ = 0x0010;
const PROCESS_DUP_HANDLE = 0x0040;
const PROCESS_QUERY_INFORMATION = 0x0400;
const PROCESS_SUSPEND_RESUME = 0x0800;

const FOR_DUMP = PROCESS_QUERY_INFORMATION | PROCESS_VM_READ | PROCESS_DUP_HANDLE;
const FOR_SNAPSHOT = FOR_DUMP | PROCESS_CREATE_PROCESS | PROCESS_VM_OPERATION | PROCESS_SUSPEND_RESUME;

const ERROR_INVALID_PARAMETER = 87;
const STILL_ACTIVE = 259;

/** A process that was opened to be dumped. */
export class WindowsProcess implements Disposable {
  readonly pid: number;
  readonly handle: NativePointer;
  #snapshot: ProcessSnapshot | undefined;

  /**
   * @param snapshot open it with the rights that a snapshot needs
   * @throws MinidumpError `no-such-process`, `permission-denied`, `unsupported` for a process of another kind than this one
   */
  constructor(pid: number, snapshot: boolean) {
    ownCpu();
    if (!Number.isInteger(pid) || pid < 0 || pid > 0xffff_ffff) {
      throw new MinidumpError('invalid-argument', `${String(pid)} is no process id`);
    }
    this.pid = pid;
    this.handle = open(pid, snapshot ? FOR_SNAPSHOT : FOR_DUMP);
    try {
      if (this.ended) {
        throw new MinidumpError(
          'no-such-process',
          `process ${pid} has ended; another process still holds a handle of it`,
        );
      }
      checkMachine(pid, this.handle);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether it has ended. (It is not told apart from one that ends with the code 259, which Microsoft warns against.) */
  get ended(): boolean {
    const code = [0];
    const got = win32('kernel32', 'int __stdcall GetExitCodeProcess(void *process, _Out_ uint32_t *code)')(
      this.handle,
      code,
    );
    return Boolean(got) && code[0] !== STILL_ACTIVE;
  }

  /** Takes a snapshot, from which it is dumped then. Gives why there can be none, in a few words. */
  takeSnapshot(): string | undefined {
    try {
      this.#snapshot = new ProcessSnapshot(this.handle, ownCpu());
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  get snapshot(): ProcessSnapshot | undefined {
    return this.#snapshot;
  }

  [Symbol.dispose](): void {
    this.#snapshot?.[Symbol.dispose]();
    this.#snapshot = undefined;
    closeHandle(this.handle);
  }
}

function open(pid: number, access: number): NativePointer {
  const { handle, error } = withDebugPrivilege(() => openProcess(access, pid));
  if (!isInvalidHandle(handle)) return handle;
  if (error === ERROR_INVALID_PARAMETER) {
    throw new MinidumpError('no-such-process', `there is no process ${pid}`);
  }
  throw systemError(`process ${pid} cannot be opened`, error);
}
