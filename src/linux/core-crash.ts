import type { TargetException } from '../dump/target.js';
import type { CoreNotes } from './core-notes.js';
import { cpus } from './cpu/index.js';
import { exceptionFrom } from './exception.js';
import { parseSiginfo, SIGINFO_SIZE } from './siginfo.js';

/** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU: stop a process, and end none. */
const STOPS = new Set([19, 20, 21, 22]);

/**
 * What a core was written for: the signal of its first thread. Undefined for a core of a process that went on, as gcore
 * writes them: pr_cursig is 0, and the SIGSTOP in the siginfo is the debugger's own.
 */
export function crashOf({ threads }: CoreNotes): (TargetException & { threadId: number }) | undefined {
  const first = threads[0];
  if (first === undefined || first.signal <= 0 || STOPS.has(first.signal)) return undefined;
  const context = cpus.amd64.context({ registers: first.registers, floatingPoint: first.fxsave });
  const signal = first.siginfo && parseSiginfo(first.siginfo).signal;
  if (signal === first.signal) return { threadId: first.id, ...exceptionFrom(first.siginfo!, context) };
  // Without siginfo nothing is known beyond the number: neither si_code nor an address of a fault.
  const bare = new Uint8Array(SIGINFO_SIZE);
  const happened = exceptionFrom(bare, context);
  return { threadId: first.id, ...happened, code: first.signal, address: happened.instructionPointer };
}
