import { readFileSync } from 'node:fs';
import { libc } from '../node/libc.js';

const PR_SET_PTRACER = 0x59616d61;

/**
 * Allows a process to trace this one, where the kernel asks for that (Yama's scope 1: only ancestors may). koffi is loaded for it only
 * there: that takes longer than all the rest.
 *
 * @throws MinidumpError `koffi-missing`
 */
export function allowTracing(pid: number): void {
  if (!asksForPermission()) return;
  libc('int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)')(PR_SET_PTRACER, pid, 0, 0, 0);
}

/** Whether this kernel wants to know who may trace a process. */
export function asksForPermission(): boolean {
  try {
    return readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1').trim() === '1';
  } catch {
    return false; // there is no Yama
  }
}
