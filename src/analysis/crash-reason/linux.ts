import type { MINIDUMP_EXCEPTION } from '../../format/index.js';
import { linuxExceptionCodes } from '../../format/index.js';
import { hex32, unknownReason } from './hex.js';

/** What si_code says of these signals, from 1 on (asm-generic/siginfo.h). Other signals have only the common ones. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  SIGILL: names('ILL_', 'ILLOPC ILLOPN ILLADR ILLTRP PRVOPC PRVREG COPROC BADSTK BADIADDR'),
  SIGTRAP: names('TRAP_', 'BRKPT TRACE BRANCH HWBKPT UNK PERF'),
  SIGFPE: names('FPE_', 'INTDIV INTOVF FLTDIV FLTOVF FLTUND FLTRES FLTINV FLTSUB'),
  SIGSEGV: names('SEGV_', 'MAPERR ACCERR BNDERR PKUERR'),
  SIGBUS: names('BUS_', 'ADRALN ADRERR OBJERR MCEERR_AR MCEERR_AO'),
  SIGSYS: names('SYS_', 'SECCOMP USER_DISPATCH'),
};

function names(prefix: string, list: string): string[] {
  return list.split(' ').map((name) => prefix + name);
}

/** What any signal may have in si_code: who sent it. */
const senders: Readonly<Record<number, string>> = {
  128: 'SI_KERNEL',
  [-1]: 'SI_QUEUE',
  [-2]: 'SI_TIMER',
  [-3]: 'SI_MESGQ',
  [-4]: 'SI_ASYNCIO',
  [-5]: 'SI_SIGIO',
  [-6]: 'SI_TKILL',
  [-7]: 'SI_DETHREAD',
  [-60]: 'SI_ASYNCNL',
};

/**
 * ExceptionCode is the number of the signal on x86 and ARM, ExceptionFlags its si_code: `SIGSEGV / SEGV_MAPERR`. A signal that
 * a program sent (SI_USER, 0) stands alone. Breakpad prints `SIGSEGV /SEGV_MAPERR`.
 */
export function linuxReason({ ExceptionCode, ExceptionFlags }: MINIDUMP_EXCEPTION): string {
  // Breakpad's code for a dump that was asked for stands beside the signals: DUMP_REQUESTED.
  const signal = linuxExceptionCodes.nameOf(ExceptionCode)?.replace('MD_EXCEPTION_CODE_LIN_', '');
  if (signal === undefined) return unknownReason(ExceptionCode, ExceptionFlags);
  const code = ExceptionFlags | 0;
  const kind = kinds[signal]?.[code - 1] ?? senders[code];
  if (kind !== undefined) return `${signal} / ${kind}`;
  return code === 0 ? signal : `${signal} / ${hex32(ExceptionFlags)}`;
}
