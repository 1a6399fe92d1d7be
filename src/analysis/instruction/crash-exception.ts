import { PlatformId } from '../../format/index.js';

/** What an operating system said of a crash, as far as it bears on the instruction. */
export interface CrashException {
  /** PlatformId of MINIDUMP_SYSTEM_INFO. */
  platform: number;
  cpu: string;
  /** ExceptionCode and ExceptionFlags. */
  code: number;
  flags: number;
  /** What the crash is about: `crashAddress` of crash-reason. */
  address: bigint;
  /** The parameters that there are. */
  information: readonly bigint[];
}

const ACCESS_VIOLATION = 0xc0000005;
const STACK_OVERFLOW = 0xc00000fd;
const INT_DIVIDE_BY_ZERO = 0xc0000094;
const PRIV_INSTRUCTION = 0xc0000096;

const SIGFPE = 8;
const SIGSEGV = 11;
const SIGBUS = 7;
const FPE_INTDIV = 1;
const SI_KERNEL = 0x80;

const EXC_BAD_ACCESS = 1;
const EXC_ARITHMETIC = 3;
const EXC_I386_DIV = 1;
const EXC_I386_GPFLT = 13;
const EXC_PPC_ZERO_DIVIDE = 3;

const isWindows = ({ platform }: CrashException) =>
  platform === PlatformId.VER_PLATFORM_WIN32_WINDOWS || platform === PlatformId.VER_PLATFORM_WIN32_NT;
const isApple = ({ platform }: CrashException) =>
  platform === PlatformId.MD_OS_MAC_OS_X || platform === PlatformId.MD_OS_IOS;
const isLinux = ({ platform }: CrashException) => platform === PlatformId.MD_OS_LINUX;
const isAndroid = ({ platform }: CrashException) => platform === PlatformId.MD_OS_ANDROID;

/** What a Windows access violation was about; undefined for every other crash. */
export function accessViolation(exception: CrashException): 'read' | 'write' | 'execute' | undefined {
  if (!isWindows(exception) || exception.code !== ACCESS_VIOLATION) return undefined;
  switch (exception.information[0]) {
    case 0n:
      return 'read';
    case 1n:
      return 'write';
    case 8n:
      return 'execute';
    default:
      return undefined;
  }
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** A read violation at -1: what Windows says of a general protection fault, whatever the address was. */
export function isReadAtMinusOne(exception: CrashException): boolean {
  return accessViolation(exception) === 'read' && exception.address === ALL_ONES;
}

/**
 * Whether the processor told no address because it raised a general protection fault, as it does for non-canonical addresses of
 * amd64. Windows reports the address -1 then, Linux and macOS report 0.
 */
export function looksLikeGeneralProtectionFault(exception: CrashException): boolean {
  if (isWindows(exception)) return isReadAtMinusOne(exception);
  const atZero = exception.address === 0n;
  const { code, flags } = exception;
  if (isApple(exception)) return atZero && code === EXC_BAD_ACCESS && flags === EXC_I386_GPFLT;
  return atZero && isLinux(exception) && (code === SIGSEGV || code === SIGBUS) && flags === SI_KERNEL;
}

export function isIntegerDivisionByZero(exception: CrashException): boolean {
  const { code, flags, cpu } = exception;
  if (isWindows(exception)) return code === INT_DIVIDE_BY_ZERO;
  if (isLinux(exception) || isAndroid(exception)) return code === SIGFPE && flags === FPE_INTDIV;
  if (!isApple(exception) || code !== EXC_ARITHMETIC) return false;
  return cpu.startsWith('ppc') ? flags === EXC_PPC_ZERO_DIVIDE : cpu !== 'arm64' && flags === EXC_I386_DIV;
}

export function isPrivilegedInstruction(exception: CrashException): boolean {
  return isWindows(exception) && exception.code === PRIV_INSTRUCTION;
}

export function isStackOverflow(exception: CrashException): boolean {
  return isWindows(exception) && exception.code === STACK_OVERFLOW;
}
