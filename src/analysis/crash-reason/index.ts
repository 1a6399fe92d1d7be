import type { MINIDUMP_EXCEPTION } from '../../format/index.js';
import { type CpuName, type Os, pointerBits } from '../platform.js';
import { appleReason } from './apple.js';
import { unknownReason } from './hex.js';
import { linuxReason } from './linux.js';
import { hasAccessAddress, windowsReason } from './windows.js';

export { ntStatusName, windowsErrorName as lastErrorName, winErrorName } from './windows-names.js';

/**
 * What an exception record says, in the words of rust-minidump: `SIGSEGV / SEGV_MAPERR`, `EXCEPTION_ACCESS_VIOLATION_WRITE`,
 * `EXC_BAD_ACCESS / KERN_INVALID_ADDRESS`. Where nothing is known: `unknown`, and the numbers.
 */
export function crashReason(os: Os, cpu: CpuName, exception: MINIDUMP_EXCEPTION): string {
  switch (os) {
    case 'windows':
      return windowsReason(exception);
    case 'linux':
    case 'android':
      return linuxReason(exception);
    case 'mac':
    case 'ios':
      return appleReason(exception, cpu);
    default:
      return unknownReason(exception.ExceptionCode, exception.ExceptionFlags);
  }
}

/**
 * The address that could not be accessed, where the system tells it; else that of the instruction. Windows has it among the
 * parameters, Linux (si_addr) and macOS in the place of the exception's own address. A 32-bit processor has no upper half: some
 * writers extend the sign into it (minidump_32bit_crash_addr.dmp of Breakpad).
 */
export function crashAddress(os: Os, cpu: CpuName, exception: MINIDUMP_EXCEPTION): bigint {
  const address =
    os === 'windows' && hasAccessAddress(exception)
      ? exception.ExceptionInformation[1]!
      : exception.ExceptionAddress;
  return BigInt.asUintN(pointerBits(cpu), address);
}
