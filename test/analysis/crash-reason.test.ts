import { describe, expect, it } from 'vitest';
import {
  crashAddress,
  crashReason,
  lastErrorName,
  ntStatusName,
  winErrorName,
} from '../../src/analysis/crash-reason/index.js';
import { cpuNameOf, hexString, osOf } from '../../src/analysis/platform.js';
import { type MINIDUMP_EXCEPTION, PlatformId, ProcessorArchitecture } from '../../src/format/index.js';
import { describeWith } from '../support/tools.js';
import { exceptionRecord, rustReports, smallDump } from './reports.js';

const { VER_PLATFORM_WIN32_NT, MD_OS_LINUX, MD_OS_ANDROID, MD_OS_MAC_OS_X, MD_OS_IOS } = PlatformId;
const {
  PROCESSOR_ARCHITECTURE_INTEL: X86,
  PROCESSOR_ARCHITECTURE_AMD64: AMD64,
  PROCESSOR_ARCHITECTURE_ARM: ARM,
  PROCESSOR_ARCHITECTURE_ARM64: ARM64,
  PROCESSOR_ARCHITECTURE_PPC: PPC,
} = ProcessorArchitecture;

interface Case {
  platform: number;
  architecture: number;
  exception: MINIDUMP_EXCEPTION;
}

function reasonOf({ platform, architecture, exception }: Case): string {
  return crashReason(osOf(platform), cpuNameOf(architecture), exception);
}

/** Everything with branches of its own, and numbers beside it that have no name. */
function* cases(): Generator<Case> {
  for (const code of [...Array(33).keys(), 64, 0xffffffff]) {
    yield { platform: MD_OS_LINUX, architecture: AMD64, exception: exceptionRecord(code) };
  }
  for (const code of [4, 5, 6, 7, 8, 11, 31]) {
    for (let flags = 1; flags <= 10; flags++) {
      yield { platform: MD_OS_ANDROID, architecture: ARM64, exception: exceptionRecord(code, { flags }) };
    }
  }
  for (const flags of [0x80, -1, -2, -3, -4, -5, -6, -7, -8, -60, 0x7fffffff].map((flag) => flag >>> 0)) {
    yield { platform: MD_OS_LINUX, architecture: X86, exception: exceptionRecord(11, { flags }) };
  }

  const windows = (code: number, ...information: bigint[]): Case => ({
    platform: VER_PLATFORM_WIN32_NT,
    architecture: AMD64,
    exception: exceptionRecord(code, { flags: 1, address: 0x7ff6_0000_1000n, information }),
  });
  for (const code of [0x80000001, 0x80000002, 0x80000003, 0x80000004, 0xc0000008, 0xc000001d]) {
    yield windows(code);
  }
  for (const low of [0x25, 0x26, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0xfd]) {
    yield windows(0xc0000000 + low);
  }
  for (const code of [0xc0000194, 0xe0000008, 0xe06d7363, 0x0517a7ed, 0xe0434352]) yield windows(code);
  for (const access of [0n, 1n, 2n, 8n, 1n << 32n]) {
    yield windows(0xc0000005, access);
    yield windows(0xc0000005, access, 0xffff_8000_0000_1234n);
    yield windows(0xc0000006, access, 0x10n);
    yield windows(0xc0000006, access, 0x10n, 0xc000009an);
    yield windows(0xc0000006, access, 0x10n, 0x1234_5678_c000_9999n);
  }
  yield windows(0xc0000005);
  yield windows(0xc0000006);
  yield windows(0xc0000409);
  for (let code = 0n; code < 80n; code++) yield windows(0xc0000409, code);
  yield windows(0xc0000409, 0xffff_ffff_0000_0007n);
  for (const code of [0, 1, 5, 8, 14, 1455, 1726, 15841, 0xffff, 0x10000]) yield windows(code);
  for (const code of [0xc000000d, 0xc0000017, 0xc0000374, 0xc0000420, 0x40010005, 0xc0020001, 0xdeadbeef]) {
    yield windows(code);
  }
  for (const code of [0xc06d007e, 0xc06d007f, 0x806d0005, 0x006d007e, 0xc06dffff, 0xc06e007e])
    yield windows(code);

  const apple = (code: number, flags: number, architecture: number, ...information: bigint[]): Case => ({
    platform: architecture === ARM ? MD_OS_IOS : MD_OS_MAC_OS_X,
    architecture,
    exception: exceptionRecord(code, { flags, information }),
  });
  for (const flags of [1, 13]) yield apple(2, flags, X86);
  for (const architecture of [AMD64, ARM, ARM64, PPC]) {
    for (const code of [1, 2, 3, 5, 6]) {
      for (const flags of [
        0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 50, 0x101, 0x102, 0x103, 0x104, 0x105,
      ]) {
        yield apple(code, flags, architecture);
      }
    }
  }
  for (const flags of [0x10002, 0x10003, 0x10100, 0xdeadc0de]) yield apple(5, flags, AMD64);
  for (const code of [0, 4, 7, 8, 9, 10, 13, 0x43507378, 0x43506e78]) yield apple(code, 0x1234, ARM64);
  const first = 0x0123_4567_89ab_cdefn;
  for (let kind = 0; kind < 8; kind++) {
    const flags = (kind << 29) >>> 0;
    for (let flavor = 0n; flavor < 4n; flavor++) {
      const resource = (flavor << 58n) | (first & ((1n << 58n) - 1n));
      yield apple(11, flags, AMD64, 0n, resource, 0xfedc_ba98_7654_3210n);
    }
    for (let bit = -1n; bit < (kind === 1 ? 29n : 8n); bit++) {
      const guard = (bit < 0n ? 0n : 1n << (32n + bit)) | 0xf89a_bcden;
      yield apple(12, flags, ARM64, 0n, guard, bit % 2n === 0n ? 0n : 0x1_0000_0007n);
    }
    yield apple(12, flags, ARM64, 0n, 5n << 32n, 3n);
  }
  for (const platform of [0, 3, 0x8202, 0x8204, 0x8205, 0x8206]) {
    yield { platform, architecture: AMD64, exception: exceptionRecord(11, { flags: 1, address: 4n }) };
  }
}

describeWith(['minidump-stackwalk'], 'reasons, as rust-minidump has them', () => {
  it('all that has a branch of its own', { timeout: 300_000 }, async () => {
    const all = [...cases()];
    const reports = await rustReports(
      all.map(({ platform, architecture, exception }) =>
        smallDump({ ProcessorArchitecture: architecture, PlatformId: platform }, exception).build(),
      ),
    );
    expect(all.map(reasonOf)).toEqual(reports.map(({ crash_info }) => crash_info.type));
    expect(
      all.map(({ platform, architecture, exception }) =>
        hexString(crashAddress(osOf(platform), cpuNameOf(architecture), exception), cpuNameOf(architecture)),
      ),
    ).toEqual(reports.map(({ crash_info }) => crash_info.address));
  });
});

describe('reasons', () => {
  it.each([
    [MD_OS_LINUX, 11, 1, [], 'SIGSEGV / SEGV_MAPERR'],
    [MD_OS_LINUX, 6, -6 >>> 0, [], 'SIGABRT / SI_TKILL'],
    [MD_OS_LINUX, 11, 10, [], 'SIGSEGV / 0x0000000a'],
    [MD_OS_LINUX, 0xffffffff, 0, [], 'DUMP_REQUESTED'],
    [VER_PLATFORM_WIN32_NT, 0xc0000005, 0, [8n, 0n], 'EXCEPTION_ACCESS_VIOLATION_EXEC'],
    [
      VER_PLATFORM_WIN32_NT,
      0xc0000006,
      0,
      [0n, 0n, 0xc000009an],
      'EXCEPTION_IN_PAGE_ERROR_READ / STATUS_INSUFFICIENT_RESOURCES',
    ],
    [
      VER_PLATFORM_WIN32_NT,
      0xc0000409,
      0,
      [2n],
      'EXCEPTION_STACK_BUFFER_OVERRUN / FAST_FAIL_STACK_COOKIE_CHECK_FAILURE',
    ],
    [VER_PLATFORM_WIN32_NT, 0xc0000374, 0, [], 'STATUS_HEAP_CORRUPTION'],
    [VER_PLATFORM_WIN32_NT, 0xc06d007e, 0, [], 'FACILITY_VISUALCPP / ERROR_MOD_NOT_FOUND'],
    [MD_OS_MAC_OS_X, 1, 2, [], 'EXC_BAD_ACCESS / KERN_PROTECTION_FAILURE'],
    [MD_OS_MAC_OS_X, 0x43507378, 0, [], 'Simulated Exception'],
    [0x8202, 11, 1, [], 'unknown 0x0000000b / 0x00000001'],
  ])('system 0x%x: code 0x%x, flags 0x%x, %j', (platform, code, flags, information, reason) => {
    const exception = exceptionRecord(code, { flags, information });
    expect(reasonOf({ platform, architecture: AMD64, exception })).toBe(reason);
  });

  it('parameters that the record does not count are not looked at', () => {
    const exception = { ...exceptionRecord(0xc0000005, { information: [1n, 2n] }), NumberParameters: 0 };
    expect(crashReason('windows', 'amd64', exception)).toBe('EXCEPTION_ACCESS_VIOLATION');
    expect(crashAddress('windows', 'amd64', exception)).toBe(0n);
  });
});

describe('addresses', () => {
  it('Windows has the address among the parameters', () => {
    const exception = exceptionRecord(0xc0000005, { address: 0x401000n, information: [1n, 0x45n] });
    expect(crashAddress('windows', 'x86', exception)).toBe(0x45n);
    expect(crashAddress('linux', 'x86', exception)).toBe(0x401000n);
  });

  it('a 32-bit processor has no upper half', () => {
    const exception = exceptionRecord(11, { address: 0xffff_ffff_8000_0045n });
    expect(crashAddress('linux', 'arm', exception)).toBe(0x8000_0045n);
    expect(crashAddress('linux', 'arm64', exception)).toBe(0xffff_ffff_8000_0045n);
    expect(crashAddress('linux', 'unknown', exception)).toBe(0xffff_ffff_8000_0045n);
  });
});

describe('names of Windows errors', () => {
  it.each([
    [0, 'ERROR_SUCCESS'],
    [5, 'ERROR_ACCESS_DENIED'],
    [1726, 'RPC_S_CALL_FAILED'],
    [15841, 'ERROR_API_UNAVAILABLE'],
    [0xc0000034, 'STATUS_OBJECT_NAME_NOT_FOUND'],
    [0xc0000005, 'STATUS_ACCESS_VIOLATION'],
    [0xc06d007f, 'FACILITY_VISUALCPP / ERROR_PROC_NOT_FOUND'],
    [0x006d007f, 'unknown 0x006d007f'],
    [0xdeadbeef, 'unknown 0xdeadbeef'],
  ])('0x%x', (value, name) => {
    expect(lastErrorName(value)).toBe(name);
  });

  // Names and not aliases; and what the second line of a run, and the last one, say.
  it('both tables', () => {
    expect(winErrorName(13)).toBe('ERROR_INVALID_DATA');
    expect(winErrorName(0x10000)).toBeUndefined();
    expect(winErrorName(900)).toBeUndefined();
    expect(ntStatusName(0)).toBe('STATUS_SUCCESS');
    expect(ntStatusName(0x103)).toBe('STATUS_PENDING');
    expect(ntStatusName(0xc0020001)).toBe('RPC_NT_INVALID_STRING_BINDING');
    expect(ntStatusName(0xc00004e0)).toBe('STATUS_MEMORY_DECOMPRESSION_FAILURE');
    expect(ntStatusName(0xc0ef0001)).toBe('STATUS_ACCELERATOR_SUBMISSION_QUEUE_FULL');
    expect(ntStatusName(0xffffffff)).toBeUndefined();
  });
});
