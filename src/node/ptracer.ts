import { libc } from './libc.js';

const PR_SET_PTRACER = 0x59616d61;

let allowed = 0;

/**
 * Allows a process to trace this one, where Yama asks for that (kernel.yama.ptrace_scope is 1); where there is no Yama nothing changes.
 * There is one such process at a time: when this is disposed it is the one that was allowed here before, if any.
 */
export function allowTracer(pid: number): Disposable {
  const before = allowed;
  set(pid);
  return { [Symbol.dispose]: () => set(before) };
}

function set(pid: number): void {
  allowed = pid;
  // EINVAL where there is no Yama.
  libc('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)')(
    PR_SET_PTRACER,
    pid,
    0,
    0,
    0,
  );
}
