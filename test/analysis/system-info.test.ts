import { describe, expect, it } from 'vitest';
import { lsbRelease, microcodeVersion, procLimits, statusPid } from '../../src/analysis/linux-texts.js';
import { moduleReports, moduleVersion, unloadedModuleReports } from '../../src/analysis/modules.js';
import { cpuNameOf, hexString, osOf } from '../../src/analysis/platform.js';
import { processReportTask } from '../../src/analysis/system-info.js';
import {
  encodeMiscInfo,
  encodeModuleList,
  encodeString,
  encodeSystemInfo,
  encodeThreadList,
  encodeUnloadedModuleList,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
  VS_FIXEDFILEINFO,
} from '../../src/format/index.js';
import { runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { DumpBuilder } from '../reader/build-dump.js';
import { describeWith } from '../support/tools.js';
import { type RustReport, rustReports } from './reports.js';

const { VER_PLATFORM_WIN32_NT: WINDOWS, MD_OS_MAC_OS_X: MAC, MD_OS_LINUX: LINUX } = PlatformId;
const architectures = Object.values(ProcessorArchitecture);
const { PROCESSOR_ARCHITECTURE_AMD64: AMD64, PROCESSOR_ARCHITECTURE_ARM: ARM } = ProcessorArchitecture;
const { PROCESSOR_ARCHITECTURE_INTEL: X86 } = ProcessorArchitecture;

const limits = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max stack size            8388608              unlimited            bytes     
Max open files            1024                 524288               files     

Max nice priority         0                    0                    
Max realtime timeout      unlimited            minus one            us        
Max processes             18446744073709551616 18446744073709549568 processes 
only one
`;
const lsb =
  'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME=trusty\nDISTRIB_DESCRIPTION="Ubuntu 14.04 LTS"\n';
const osRelease =
  'NAME="Debian"\r\n ID = debian \nVERSION_ID="12"\nID="last one wins"\nPRETTY_NAME="a "quoted" name"\nVERSION_CODENAME="\n# no=comment\nconstructor=x\n';

interface Options {
  platform?: number;
  architecture?: number;
  version?: [number, number, number];
  csd?: string;
  level?: number;
  revision?: number;
  cpuid?: number;
  capabilities?: number;
  misc?: Parameters<typeof encodeMiscInfo>[0];
  texts?: Record<number, string>;
}

function dumpOf({
  platform = LINUX,
  architecture = AMD64,
  version = [0, 0, 0],
  ...options
}: Options): Uint8Array {
  const builder = new DumpBuilder();
  const csd = options.csd === undefined ? { Rva: 0 } : builder.add(encodeString(options.csd));
  const [MajorVersion, MinorVersion, BuildNumber] = version;
  builder
    .stream(
      StreamType.SystemInfoStream,
      encodeSystemInfo({
        ...{
          PlatformId: platform,
          ProcessorArchitecture: architecture,
          MajorVersion,
          MinorVersion,
          BuildNumber,
        },
        ProcessorLevel: options.level ?? 6,
        ProcessorRevision: options.revision ?? 0x9e0a,
        NumberOfProcessors: 12,
        CSDVersionRva: csd.Rva,
        Cpu:
          options.cpuid === undefined
            ? { X86CpuInfo: { VendorId: [0x756e6547, 0x49656e69, 0x6c65746e] } }
            : { X86CpuInfo: { VendorId: [options.cpuid, options.capabilities ?? 0, 0] } },
      }),
    )
    .stream(StreamType.ThreadListStream, encodeThreadList([]));
  if (options.misc) builder.stream(StreamType.MiscInfoStream, encodeMiscInfo(options.misc));
  for (const [type, text] of Object.entries(options.texts ?? {})) {
    builder.stream(Number(type), new TextEncoder().encode(text));
  }
  const bytes = builder.build();
  // TimeDateStamp of the header
  new DataView(bytes.buffer).setUint32(20, 1_000_000, true);
  return bytes;
}

const cases: Options[] = [
  { csd: 'Linux 5.10.0 #1 SMP Debian 5.10.1 (2021) x86_64 Linux/GNU' },
  { csd: 'Linux 5.10.0 #1 SMP Debian 5.10.1 (2021) x86_64' },
  { csd: 'Linux 5.10.0' },
  { csd: 'Linux 5.10.0 x86_64' },
  { csd: 'Linux 5.10.0 x86_64 Linux/GNU' },
  { csd: 'Linux 0.0.0 #1 x86_64' },
  { csd: 'Linux' },
  { csd: ' two  blanks  here ' },
  { csd: '' },
  {},
  { csd: ' \t#1 SMP\u00a0 ', version: [5, 10, 209] },
  { csd: 'Linux 5.10.0 #1 x86_64', version: [5, 10, 209] },
  { platform: WINDOWS, csd: ' Service Pack 2 ', version: [5, 1, 2600] },
  { platform: WINDOWS, version: [0, 0, 0], csd: 'Linux 5.10.0 #1' },
  { platform: MAC, version: [12, 3, 0], csd: '21E230' },
  { platform: PlatformId.MD_OS_ANDROID, csd: 'Linux 4.14.180 #1 SMP aarch64' },
  ...[0, 3, 0x8000, 0x8102, 0x8202, 0x8204, 0x8205, 0x8206, 0x1234567, 0xffffffff].map((platform) => ({
    platform,
  })),
  ...architectures.map((architecture) => ({ architecture, cpuid: 0x410fc0f3, capabilities: 0 })),
  { architecture: X86, level: 0xffff, revision: 0xffff },
  { architecture: AMD64, level: 25, revision: 0x2102 },
  { architecture: ARM, level: 7, cpuid: 0x410fc0f3, capabilities: 0x7ffff },
  { architecture: ARM, level: 7, cpuid: 0x510f06f0, capabilities: 0x1000000 },
  { architecture: ARM, level: 7, cpuid: 0x990f1230, capabilities: 0x1006 },
  { architecture: ARM, level: 6, cpuid: 0, capabilities: 0x8 },
  { misc: { Flags1: 3, ProcessId: 4711, ProcessCreateTime: 999_000 } },
  { misc: { Flags1: 3, ProcessId: 4711, ProcessCreateTime: 2_000_000 } },
  {
    misc: { Flags1: 0, ProcessId: 4711, ProcessCreateTime: 5 },
    texts: { [StreamType.LinuxProcStatus]: 'Pid:\t12\n' },
  },
  ...['Name:\tx\nPid:\t12\n', 'Pid: x', 'Pid:\t4294967296\n', 'PPid:\t1\n', ''].map((status) => ({
    texts: { [StreamType.LinuxProcStatus]: status },
  })),
  ...[
    '0xb4',
    '0x0',
    '0xB4',
    'b4',
    '0x',
    '0xg',
    '0x1234567890abcdef',
    '0x00000000000000000b4',
    '0x11234567890abcdef',
  ].map((version) => ({
    texts: {
      [StreamType.LinuxCpuInfo]: `processor\t: 0\nmicrocode\t: ${version}\nprocessor\t: 1\nmicrocode\t: 0x1\n`,
    },
  })),
  { texts: { [StreamType.LinuxCpuInfo]: 'processor : 0\n' } },
  { texts: { [StreamType.LinuxLsbRelease]: lsb } },
  { texts: { [StreamType.LinuxLsbRelease]: osRelease } },
  { texts: { [StreamType.LinuxLsbRelease]: '' } },
  { texts: { [StreamType.MozLinuxLimits]: limits } },
  { texts: { [StreamType.MozLinuxLimits]: '' } },
  {
    texts: {
      [StreamType.LinuxMaps]: '1000-2000 r-xp 00000000 fd:01 12 /bin/x\n2000-3000 rw-p 00000000 00:00 0 \n',
    },
  },
];

function byName(report: { limits: { name: string }[] } | null) {
  return report?.limits.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

describeWith(['minidump-stackwalk'], 'system and process, as rust-minidump reports them', () => {
  it('all that has a branch of its own', { timeout: 120_000 }, async () => {
    const dumps = cases.map(dumpOf);
    const theirs = await rustReports(dumps);
    dumps.forEach((bytes, i) => {
      const ours = runSync(processReportTask(Minidump.openSync(bytes)));
      const { linux_memory_map_count, lsb_release, pid, process_uptime, system_info } = theirs[i]!;
      expect({ ...ours, proc_limits: byName(ours.proc_limits) }, JSON.stringify(cases[i])).toEqual({
        ...{ linux_memory_map_count, lsb_release, pid, process_uptime },
        proc_limits: byName(theirs[i]!.proc_limits),
        system_info: { ...system_info, ...differencesOf(cases[i]!, system_info) },
      });
    });
  });
});

/** Where rust-minidump knows less. */
function differencesOf({ architecture }: Options, theirs: RustReport['system_info']) {
  const name = cpuNameOf(architecture ?? AMD64);
  if (theirs.cpu_arch !== 'unknown') return {};
  // RISC-V, and 32-bit ARM on Windows of ARM64
  expect(['riscv', 'riscv64', 'arm', 'unknown']).toContain(name);
  return { cpu_arch: name, ...(name === 'arm' ? { cpu_info: 'ARMv6 ARM Cortex-A15' } : {}) };
}

describe('texts of Linux', () => {
  it('the distribution', () => {
    expect(lsbRelease(lsb)).toEqual({
      ...{ id: 'Ubuntu', release: '14.04', codename: 'trusty' },
      description: 'Ubuntu 14.04 LTS',
    });
    expect(lsbRelease(osRelease)).toEqual({
      ...{ id: 'last one wins', release: '12', codename: '"' },
      description: 'a "quoted" name',
    });
  });

  it('limits', () => {
    expect(procLimits(limits).slice(0, 4)).toEqual([
      { name: 'Max cpu time', soft: 'unlimited', hard: 'unlimited', unit: 'seconds' },
      { name: 'Max stack size', soft: 8388608, hard: 'unlimited', unit: 'bytes' },
      { name: 'Max open files', soft: 1024, hard: 524288, unit: 'files' },
      { name: 'Max nice priority', soft: 0, hard: 0, unit: 'n/a' },
    ]);
  });

  it.each([
    ' '.repeat(1_000_000),
    '='.repeat(1_000_000),
    '"'.repeat(1_000_000),
    '\n'.repeat(1_000_000),
    `x${' '.repeat(1_000_000)}x`,
  ])('a million of one letter', (text) => {
    expect(lsbRelease(text).id).toBe('');
    expect(procLimits(text)).toEqual([]);
    expect(microcodeVersion(`microcode:${text}`)).toBeNull();
    expect(statusPid(`Pid:${text}`)).toBe(0);
  });
});

describe('a dump without SystemInfo', () => {
  it('tells the rest', () => {
    const bytes = new DumpBuilder()
      .stream(StreamType.SystemInfoStream, new Uint8Array(4))
      .stream(StreamType.LinuxProcStatus, new TextEncoder().encode('Pid:\t12\n'))
      .stream(StreamType.LinuxMaps, new TextEncoder().encode('no maps'))
      .build();
    expect(runSync(processReportTask(Minidump.openSync(bytes)))).toEqual({
      ...{ linux_memory_map_count: null, lsb_release: null, pid: 12, proc_limits: null },
      ...{ process_uptime: null, system_info: null },
    });
  });
});

/** Modules with versions, extents and names of all kinds. */
function modulesDump(platform: number, architecture: number): Uint8Array {
  const builder = new DumpBuilder()
    .stream(
      StreamType.SystemInfoStream,
      encodeSystemInfo({ PlatformId: platform, ProcessorArchitecture: architecture }),
    )
    .stream(StreamType.ThreadListStream, encodeThreadList([]));
  const names = ['C:\\windows\\a.dll', '/usr/lib/b.so', 'c', '', '/tail/', 'mixed/d\\e'].map(
    (name) => builder.add(encodeString(name)).Rva,
  );
  const version = {
    ...{
      dwSignature: 0xfeef04bd,
      dwStrucVersion: 0x10000,
      dwFileVersionMS: 0x50001,
      dwFileVersionLS: 0xa280884,
    },
    ...{ dwProductVersionMS: 7, dwProductVersionLS: 8 },
  };
  const module = (i: number, BaseOfImage: bigint, SizeOfImage: number, VersionInfo = {}) => ({
    ...{ BaseOfImage, SizeOfImage, VersionInfo, ModuleNameRva: names[i % names.length]!, TimeDateStamp: i },
  });
  const modules = [
    module(0, 0x10000n, 0x1000, version),
    module(1, 0x20000n, 0x1000, { ...version, dwStrucVersion: 0 }),
    module(2, 0x30000n, 0x1000, { ...version, dwSignature: 1 }),
    module(3, 0x40000n, 0x1000),
    module(4, 0x50000n, 0),
    module(4, 0xffff_ffff_ffff_f000n, 0x1000),
    module(4, 0xffff_ffff_ffff_e000n, 0x1000),
    module(5, 0x60000n, 0xffffffff),
  ];
  // Of unloaded modules one without an extent costs rust-minidump the whole list; here it costs that module.
  const unloaded = modules.filter((_, i) => i !== 4 && i !== 5);
  return builder
    .stream(StreamType.ModuleListStream, encodeModuleList(modules))
    .stream(StreamType.UnloadedModuleListStream, encodeUnloadedModuleList(unloaded))
    .build();
}

describeWith(['minidump-stackwalk'], 'modules, as rust-minidump reports them', () => {
  it.each([
    [WINDOWS, X86],
    [WINDOWS, AMD64],
    [LINUX, AMD64],
    [LINUX, ARM],
    [MAC, AMD64],
    // Of system 0 the reader says Windows (Win32s), rust-minidump nothing: there code ids differ.
    [PlatformId.MD_OS_NACL, 0xffff],
  ])('system %i, processor %i', async (platform, architecture) => {
    const bytes = modulesDump(platform, architecture);
    const [theirs] = await rustReports([bytes]);
    const dump = Minidump.openSync(bytes);
    const cpu = cpuNameOf(architecture);
    expect(moduleReports(dump.getSync('modules')!, osOf(platform), cpu)).toEqual(theirs!.modules);
    expect(unloadedModuleReports(dump.getSync('unloadedModules')!, cpu)).toEqual(theirs!.unloaded_modules);
  });
});

describe('modules', () => {
  it('have the symbols and the signer that they are given', () => {
    const dump = Minidump.openSync(modulesDump(WINDOWS, AMD64));
    const state = {
      ...{ corrupt_symbols: true, loaded_symbols: true, missing_symbols: false },
      symbol_url: 'https://example.org/a',
    };
    const [first, second] = moduleReports(dump.getSync('modules')!, 'windows', 'amd64', {
      symbols: ({ name }) => (name?.endsWith('a.dll') ? state : undefined),
      certSubject: (filename) => (filename === 'a.dll' ? 'Somebody' : undefined),
    });
    expect(first).toMatchObject({
      ...state,
      cert_subject: 'Somebody',
      filename: 'a.dll',
      version: '5.1.2600.2180',
    });
    expect(second).toMatchObject({ loaded_symbols: false, cert_subject: null, version: null });
    const [unloaded] = unloadedModuleReports(dump.getSync('unloadedModules')!, 'amd64', {
      certSubject: (filename) => (filename === 'C:\\windows\\a.dll' ? 'Somebody' : undefined),
    });
    expect(unloaded?.cert_subject).toBe('Somebody');
  });

  it('a name that cannot be read costs that name; rust-minidump then has no modules at all', () => {
    const bytes = modulesDump(WINDOWS, AMD64);
    const dump = Minidump.openSync(bytes);
    const broken = dump
      .getSync('modules')!
      .map((module, i) => (i === 0 ? { ...module, name: undefined } : module));
    const reports = moduleReports(broken, 'windows', 'amd64');
    expect(reports.map(({ filename }) => filename)).toEqual(['', 'b.so', 'c', '', '', 'e']);
  });

  it('versions', () => {
    const info = VS_FIXEDFILEINFO.decode(new Uint8Array(VS_FIXEDFILEINFO.size));
    const filled = { ...info, dwSignature: 0xfeef04bd, dwStrucVersion: 0x10000, dwFileVersionMS: 0x20003 };
    expect(moduleVersion(info, 'windows')).toBeNull();
    expect(moduleVersion(filled, 'windows')).toBe('2.3.0.0');
    expect(moduleVersion(filled, 'linux')).toBe('131075.0.0.0');
  });
});

describe('addresses', () => {
  it.each([
    ['x86', 0x45n, '0x00000045'],
    ['arm', 0x1_2345_6789n, '0x123456789'],
    ['amd64', 0x45, '0x0000000000000045'],
    ['unknown', 0n, '0x0000000000000000'],
  ] as const)('%s %s', (cpu, value, text) => {
    expect(hexString(value, cpu)).toBe(text);
  });
});
