import { readFileSync, writeFileSync } from 'node:fs';
import { REGISTER_COUNT, Reg } from '../../../linux/registers.js';
import { parseStatus } from '../../../linux/stat.js';
import { errnoName, libc } from '../../../node/libc.js';
import { bindWaitid, P_PID, SI_PID, WALL, WEXITED, WNOHANG } from '../ended-threads.js';
import { readText } from '../procfs.js';
import { Option, Request } from '../ptrace.js';
import { fitsGuard, restartOf } from './guard.js';
import { type GuardedCallContext, guardedCall, rehearseCall } from './guarded-call.js';
import { isAllowed } from './seccomp.js';

const NR_CLONE = 56;
const NR_WAIT4 = 61;
const NR_RT_SIGRETURN = 15;
/**
 * CLONE_FS | CLONE_FILES, and no signal at the end: the copy then holds no descriptor of its own, so nobody who waits for
 * the end of a pipe waits for it (linux-capture, section 0).
 */
const CLONE_FLAGS = 0x600n;
const SIGKILL = 9;
/** How long the end of the copy is waited for, in milliseconds, and how long between two looks, in microseconds. */
const KILL_LIMIT = 30_000;
const KILL_PAUSE = 200;
/** What the kernel answers where a thread has no filter, and behind its last one. */
const EINVAL = 22;
const ENOENT = 2;

/** The kernel takes it first when memory runs out: it is only a copy. */
const OOM_SCORE_ADJ = '1000';
const XSAVE_ROOM = 16 * 1024;
/** As long as AVX-512 makes it. */
const REHEARSED_XSAVE = 2696;
/** Instructions of a seccomp filter, and filters of a thread. */
const MAX_FILTER = 4096;
const MAX_FILTERS = 64;

/** A thread that may make the calls, and an address on its stack below which nobody uses GUARD_ROOM bytes. */
export interface Candidate {
  readonly tid: number;
  readonly place: bigint;
}

export interface ForkResult {
  /** As this process sees it; 0 where there is none. */
  readonly pid: number;
  /** As the target sees it. */
  readonly ownPid: number;
  /** Why there is none. */
  readonly why: string;
}

/** A child of the target with a copy of its memory that never runs, for the thread that traces. */
export class FrozenCopy {
  readonly #context: GuardedCallContext;
  readonly #waitid = bindWaitid();
  readonly #kill = libc('int kill(int pid, int sig)');
  #pid = 0;

  constructor(context: GuardedCallContext) {
    this.#context = context;
    this.#kill(0x7fffffff, 0);
    this.#rehearse();
  }

  #rehearse(): void {
    const xsave = new Uint8Array(REHEARSED_XSAVE);
    fitsGuard(xsave);
    rehearseCall(this.#context, xsave);
    this.#call(0, 0n, NR_CLONE, (stack) => [CLONE_FLAGS, stack]);
    this.#inCriticalSection(0, new BigInt64Array(REGISTER_COUNT));
    seccompMode(process.pid);
    // Its own value, so that nothing changes.
    const own = '/proc/self/oom_score_adj';
    writeFileSync(own, readFileSync(own));
  }

  /** Has the first fitting one of these stopped threads fork. The copy is stopped, and dies with the tracing thread. */
  fork(candidates: readonly Candidate[]): ForkResult {
    const none = (why: string): ForkResult => ({ pid: 0, ownPid: 0, why });
    let why = 'no thread stands where it can be made to fork';
    for (const { tid, place } of candidates) {
      const made = this.#call(tid, place, NR_CLONE, (stack) => [CLONE_FLAGS, stack]);
      if (typeof made === 'string') {
        why = made;
        continue;
      }
      if (made.result < 0n) return none(`the kernel refused the fork: ${errnoName(Number(-made.result))}`);
      if (made.child === 0) throw new Error('the fork was not reported');
      this.#pid = made.child;
      this.#settle(made.covered);
      const ownPid = Number(made.result);
      if (yieldsToOthers(made.child)) return { pid: made.child, ownPid, why: '' };
      this.kill();
      this.collect([{ tid, place }], ownPid);
      return none('the kernel does not let it be the first to go when memory runs out (oom_score_adj)');
    }
    return none(why);
  }

  /** The copy stands before its first instruction: ties its life to ours, before the target runs again. */
  #settle(covered: { readonly address: bigint; readonly bytes: Uint8Array }): void {
    const { ptrace, memory, limit } = this.#context;
    const pid = this.#pid;
    const stopped = ptrace.awaitStop(pid, limit) !== undefined;
    if (!stopped || ptrace.request(Request.SETOPTIONS, pid, 0, Option.EXITKILL) < 0) {
      throw new Error('the copy could not be held');
    }
    memory.write(pid, covered.address, covered.bytes);
  }

  /** Ends the copy. It stays in the list of the target's children until `collect`. Gives whether there is none any more. */
  kill(): boolean {
    const pid = this.#pid;
    if (pid === 0) return true;
    this.#pid = 0;
    const info = new Int32Array(32);
    const { ptrace } = this.#context;
    const deadline = performance.now() + KILL_LIMIT;
    // Memory is given back meanwhile; of a large copy that takes its time. The end of this thread ends it in any case.
    do {
      this.#kill(pid, SIGKILL);
      info[SI_PID] = 0;
      const gone = this.#waitid(P_PID, pid, info, WEXITED | WNOHANG | WALL) !== 0;
      if (gone || info[SI_PID] === pid) return true;
      ptrace.pause(KILL_PAUSE);
    } while (performance.now() < deadline);
    return false;
  }

  /** Has one of these stopped threads wait for the copy that was killed. Gives whether that was done. */
  collect(candidates: readonly Candidate[], ownPid: number): boolean {
    for (const { tid, place } of candidates) {
      const made = this.#call(tid, place, NR_WAIT4, () => [BigInt(ownPid), 0n, BigInt(WNOHANG | WALL), 0n]);
      // ECHILD: somebody else has waited for it.
      if (typeof made !== 'string') return made.result !== 0n;
    }
    return false;
  }

  #call(tid: number, place: bigint, number: number, withFrames: (childStack: bigint) => readonly bigint[]) {
    const { registersOf } = this.#context;
    const registers = registersOf.read(tid);
    if (registers === undefined) return 'the thread has ended';
    const xsave = registersOf.readXsave(tid, XSAVE_ROOM);
    if (!fitsGuard(xsave)) return 'its threads use registers (AMX) that cannot be put back by a signal frame';
    if (restartOf(registers) === 'none' && this.#inCriticalSection(tid, registers))
      return 'it stands in a restartable sequence';
    // Asked now, of the thread that stands: a process may have locked itself in a moment ago.
    const mode = seccompMode(tid);
    if (mode === STRICT) return 'seccomp forbids it every call but four';
    if (mode !== NO_SECCOMP && !this.#lets(tid, number, withFrames(place))) {
      return 'a seccomp filter forbids the fork, or cannot be seen without root';
    }
    return (
      guardedCall(this.#context, tid, place, registers, xsave, number, withFrames) ??
      'its stack cannot be written'
    );
  }

  /** struct rseq: where a thread stands in such a section, going on elsewhere in between would break its promise to start over. */
  #inCriticalSection(tid: number, registers: BigInt64Array): boolean {
    const { ptrace, memory } = this.#context;
    const configuration = new BigUint64Array(3);
    const bytes = new Uint8Array(configuration.buffer);
    // Kernels before 5.13 cannot be asked.
    if (ptrace.read(Request.GET_RSEQ_CONFIGURATION, tid, bytes.length, bytes) < 0) return true;
    const [address] = configuration;
    if (address === 0n) return false;
    // struct rseq has the address of struct rseq_cs at byte 8; it may still stand there when the section is left.
    const pointer = new BigUint64Array(1);
    if (!memory.read(tid, address! + 8n, new Uint8Array(pointer.buffer))) return true;
    if (pointer[0] === 0n) return false;
    const section = new BigUint64Array(4);
    if (!memory.read(tid, pointer[0]!, new Uint8Array(section.buffer))) return true;
    const [, start, length] = section;
    return BigInt.asUintN(64, registers[Reg.Rip]! - start!) < length!;
  }

  #lets(tid: number, number: number, given: readonly bigint[]): boolean {
    const { ptrace, gadgets } = this.#context;
    for (let index = 0; index < MAX_FILTERS; index++) {
      const filter = new Uint8Array(MAX_FILTER * 8);
      const count = ptrace.read(Request.SECCOMP_GET_FILTER, tid, index, filter);
      if (count < 0) return ptrace.errno === (index === 0 ? EINVAL : ENOENT);
      const code = filter.subarray(0, count * 8);
      const instructionPointer = gadgets.call + 2n;
      for (const call of [
        { number, arguments: given },
        { number: NR_RT_SIGRETURN, arguments: [] },
      ]) {
        if (!isAllowed(code, { ...call, instructionPointer })) return false;
      }
    }
    return false;
  }
}

/** `Seccomp:` of /proc/TID/status (proc(5)). */
const NO_SECCOMP = '0';
const STRICT = '1';

/** Undefined where it cannot be told. */
function seccompMode(tid: number): string | undefined {
  const status = parseStatus(readText(`/proc/${tid}/status`) ?? '');
  // Kernels without seccomp have no such line.
  return status.size === 0 ? undefined : (status.get('Seccomp') ?? NO_SECCOMP);
}

/** Before the target runs again: from then on the copy costs memory. */
function yieldsToOthers(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE_ADJ);
    return true;
  } catch {
    return false;
  }
}

/** The order in which threads are asked to make a call: those first that lose least, should we die in the middle of it. */
export function rankForCalls(registers: BigUint64Array | BigInt64Array): number {
  const signed = new BigInt64Array(registers.buffer, registers.byteOffset, registers.length);
  const restart = restartOf(signed);
  // A restart block is lost; so a sleep would end with EINTR.
  if (restart === 'block') return 2;
  return restart === 'call' || signed[Reg.OrigRax]! >= 0n ? 0 : 1;
}
