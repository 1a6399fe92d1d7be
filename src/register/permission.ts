import { readFileSync } from 'node:fs';
import { allowTracer } from '../node/ptracer.js';

/**
 * Allows a process to trace this one, where the kernel asks for that (Yama's scope 1: only ancestors may). koffi is loaded for it only
 * there: that takes longer than all the rest.
 *
 * @throws MinidumpError `koffi-missing`
 */
export function allowTracing(pid: number): void {
  if (asksForPermission()) allowTracer(pid);
}

/** Whether this kernel wants to know who may trace a process. */
export function asksForPermission(): boolean {
  try {
    return readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1').trim() === '1';
  } catch {
    return false; // there is no Yama
  }
}
