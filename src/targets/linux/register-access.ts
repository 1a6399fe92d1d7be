import { USER_PT_REGS } from '../../linux/cpu/arm64.js';
import { type CpuName, cpus } from '../../linux/cpu/index.js';
import { libc, loadKoffi, ownLibrary } from '../../node/libc.js';

const PTRACE_GETREGS = 12;
const PTRACE_SETREGS = 13;
const PTRACE_GETFPREGS = 14;
const PTRACE_GETREGSET = 0x4204;
const NT_PRSTATUS = 1;
const NT_PRFPREG = 2;
const NT_X86_XSTATE = 0x202;
const NT_ARM_TLS = 0x401;

/** The registers of a thread that stands in a stop of ours. The words are those of ThreadState (linux/cpu/cpu.ts). */
export interface RegisterAccess {
  /** Undefined where the thread is gone. */
  read(tid: number): BigInt64Array | undefined;
  /** Gives whether it was done. Undefined where no register is ever changed. */
  readonly write: ((tid: number, registers: BigInt64Array) => boolean) | undefined;
  readFloatingPoint(tid: number): Uint8Array;
  /** NT_X86_XSTATE, up to `room` bytes; empty where there is none. */
  readXsave(tid: number, room: number): Uint8Array;
}

/** Fills `into` with a register set; gives how many bytes of it there are, 0 for none. */
type GetRegisterSet = (tid: number, type: number, into: Uint8Array) => number;
/** Bound once a thread: koffi forgets no type. */
let registerSet: GetRegisterSet | undefined;

/** How registers are asked for: it depends on the kernel's processor, as the requests of x86 are older than the common ones. */
export function registerAccess(name: CpuName): RegisterAccess {
  const cpu = cpus[name];
  registerSet ??= bindRegisterSets();
  const getSet = registerSet;
  const common = {
    readXsave: (tid: number, room: number) => {
      const bytes = new Uint8Array(room);
      return bytes.subarray(0, getSet(tid, NT_X86_XSTATE, bytes));
    },
  };
  if (name === 'arm64') {
    return {
      ...common,
      read(tid) {
        const registers = new BigInt64Array(cpu.registerWords);
        const bytes = new Uint8Array(registers.buffer);
        const size = USER_PT_REGS * 8;
        if (getSet(tid, NT_PRSTATUS, bytes.subarray(0, size)) !== size) return undefined;
        getSet(tid, NT_ARM_TLS, bytes.subarray(size));
        return registers;
      },
      write: undefined,
      readFloatingPoint(tid) {
        const bytes = new Uint8Array(cpu.floatingPointSize);
        getSet(tid, NT_PRFPREG, bytes);
        return bytes;
      },
    };
  }
  const ptrace = libc('int64_t ptrace(int request, int pid, uintptr_t addr, void *data)');
  return {
    ...common,
    // Also of 32-bit processes these give the registers in their 64-bit form.
    read(tid) {
      const registers = new BigInt64Array(cpu.registerWords);
      return Number(ptrace(PTRACE_GETREGS, tid, 0, registers)) === 0 ? registers : undefined;
    },
    write: (tid, registers) => Number(ptrace(PTRACE_SETREGS, tid, 0, registers)) === 0,
    readFloatingPoint(tid) {
      const bytes = new Uint8Array(cpu.floatingPointSize);
      ptrace(PTRACE_GETFPREGS, tid, 0, bytes);
      return bytes;
    },
  };
}

function bindRegisterSets(): GetRegisterSet {
  const koffi = loadKoffi();
  // Without a name: names are global in koffi.
  const iovec = koffi.struct({ base: 'void *', len: 'size_t' });
  const call = ownLibrary().func('ptrace', 'int64_t', [
    'int',
    'int',
    'uintptr_t',
    koffi.inout(koffi.pointer(iovec)),
  ]);
  return (tid, type, into) => {
    // The kernel lowers `len` to what there is.
    const vector = { base: into, len: into.length };
    return Number(call(PTRACE_GETREGSET, tid, type, vector)) === 0 ? vector.len : 0;
  };
}
