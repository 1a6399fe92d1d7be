import { type AppleKind, kindText } from './apple-kind.js';
import { bits } from './hex.js';

/** Flavors that are bits: 1, 2, 4 … */
function bitNames(list: string): Readonly<Record<number, string>> {
  return Object.fromEntries(list.split(' ').map((name, i) => [2 ** i, `GUARD_EXC_${name}`]));
}

/** What was guarded and touched nevertheless: kern/exc_guard.h and mach/port.h of XNU. */
const kinds: Readonly<Record<number, AppleKind>> = {
  1: {
    name: 'GUARD_TYPE_MACH_PORT',
    flavors: {
      1: 'GUARD_EXC_DESTROY',
      2: 'GUARD_EXC_MOD_REFS',
      3: 'GUARD_EXC_INVALID_OPTIONS',
      4: 'GUARD_EXC_SET_CONTEXT',
      5: 'GUARD_EXC_THREAD_SET_STATE',
      8: 'GUARD_EXC_UNGUARDED',
      16: 'GUARD_EXC_INCORRECT_GUARD',
      32: 'GUARD_EXC_IMMOVABLE',
      64: 'GUARD_EXC_STRICT_REPLY',
      128: 'GUARD_EXC_MSG_FILTERED',
      256: 'GUARD_EXC_INVALID_RIGHT',
      512: 'GUARD_EXC_INVALID_NAME',
      1024: 'GUARD_EXC_INVALID_VALUE',
      2048: 'GUARD_EXC_INVALID_ARGUMENT',
      4096: 'GUARD_EXC_RIGHT_EXISTS',
      8192: 'GUARD_EXC_KERN_NO_SPACE',
      16384: 'GUARD_EXC_KERN_FAILURE',
      32768: 'GUARD_EXC_KERN_RESOURCE',
      65536: 'GUARD_EXC_SEND_INVALID_REPLY',
      131072: 'GUARD_EXC_SEND_INVALID_VOUCHER',
      262144: 'GUARD_EXC_SEND_INVALID_RIGHT',
      524288: 'GUARD_EXC_RCV_INVALID_NAME',
      1048576: 'GUARD_EXC_RCV_GUARDED_DESC',
      2097152: 'GUARD_EXC_MOD_REFS_NON_FATAL',
      4194304: 'GUARD_EXC_IMMOVABLE_NON_FATAL',
      8388608: 'GUARD_EXC_REQUIRE_REPLY_PORT_SEMANTICS',
      16777216: 'GUARD_EXC_EXCEPTION_BEHAVIOR_ENFORCE',
    },
    detail: (code, subcode) =>
      ` port name: ${bits(code, 0, 28)}${subcode === 0n ? '' : ` subcode: ${subcode}`}`,
  },
  2: {
    name: 'GUARD_TYPE_FD',
    flavors: bitNames('CLOSE DUP NOCLOEXEC SOCKET_IPC FILEPORT MISMATCH WRITE'),
    detail: (code, subcode) => ` file descriptor: ${bits(code, 0, 28)} guard identifier: ${subcode}`,
  },
  4: {
    name: 'GUARD_TYPE_VN',
    flavors: bitNames('RENAME_TO RENAME_FROM UNLINK WRITE_OTHER TRUNC_OTHER LINK EXCHDATA'),
    detail: (code, subcode) => ` pid: ${bits(code, 0, 28)} guard identifier: ${subcode}`,
  },
  5: {
    name: 'GUARD_TYPE_VIRT_MEMORY',
    flavors: { 1: 'GUARD_EXC_DEALLOC_GAP' },
    detail: (_, subcode) => ` offset: ${subcode}`,
  },
  6: {
    name: 'GUARD_TYPE_REJECTED_SC',
    flavors: { 0: 'GUARD_EXC_MACH_TRAP' },
    detail: (_, subcode) => ` syscall: ${subcode}`,
  },
};

/** What stands behind `EXC_GUARD / `; undefined for a kind that is not known. */
export function guardReason(kind: number, code: bigint, subcode: bigint): string | undefined {
  if (kind === 0) return 'GUARD_TYPE_NONE';
  if (kind === 3) {
    // A program's own guard. rust-minidump writes no space before this slash.
    return `GUARD_TYPE_USER/ namespace: ${bits(code, 0, 32)} guard identifier: ${subcode}`;
  }
  return kindText(kinds[kind], bits(code, 32, 29), code, subcode);
}
