import { beforeAll, expect, it } from 'vitest';
import * as format from '../../src/format/index.js';
import { describeWith } from '../support/tools.js';
import { type Layouts, needsLayouts, readLayouts } from './layouts-json.js';

type Values = Readonly<Record<string, number>>;
const { StreamType, ProcessorArchitecture, PlatformId, XStateFeature } = format;

/** Enums whose names are ours too, perhaps behind a prefix of each side. */
const sameNames: Record<string, { ours: Values; strip?: RegExp; prefix?: string }> = {
  MINIDUMP_STREAM_TYPE: { ours: StreamType },
  MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE: { ours: format.MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE },
  MINIDUMP_CALLBACK_TYPE: { ours: format.MINIDUMP_CALLBACK_TYPE },
  THREAD_WRITE_FLAGS: { ours: format.THREAD_WRITE_FLAGS },
  MODULE_WRITE_FLAGS: { ours: format.MODULE_WRITE_FLAGS },
  MINIDUMP_TYPE: { ours: format.MINIDUMP_TYPE },
  MINIDUMP_SECONDARY_FLAGS: { ours: format.MINIDUMP_SECONDARY_FLAGS },
  MINIDUMP_MISC_FLAGS: { ours: format.MINIDUMP_MISC_FLAGS },
  MINIDUMP_THREAD_INFO_FLAGS: { ours: format.MINIDUMP_THREAD_INFO_FLAGS },
  MINIDUMP_SYSMEMINFO1_FLAGS: { ours: format.MINIDUMP_SYSMEMINFO1_FLAGS },
  MINIDUMP_PROCESS_VM_COUNTERS_FLAGS: { ours: format.MINIDUMP_PROCESS_VM_COUNTERS_FLAGS },
  'breakpad.MDExceptionCodeLinux': { ours: format.MDExceptionCodeLinux },
  'breakpad.MDCPUInformationARMElfHwCaps': { ours: format.MDCPUInformationARMElfHwCaps },
  'breakpad.MDBreakpadInfoValidity': { ours: format.MDBreakpadInfoValidity },
  'breakpad.MDAssertionInfoData': { ours: format.MDAssertionInfoData },
  'breakpad.MDMemoryState': { ours: format.MemoryState, strip: /^MD_MEMORY_STATE_/, prefix: 'MEM_' },
  'breakpad.MDMemoryType': { ours: format.MemoryType, strip: /^MD_MEMORY_TYPE_/, prefix: 'MEM_' },
  'breakpad.MDMemoryProtection': {
    ours: format.MemoryProtection,
    strip: /^MD_MEMORY_PROTECT_/,
    prefix: 'PAGE_',
  },
  'breakpad.MDXStateFeatureFlag': { ours: XStateFeature, strip: /^MD_/ },
  'llvm.StreamType_extensions': { ours: StreamType },
  'rust_minidump.StreamType_extensions': { ours: StreamType },
  'wine.StreamType_extensions': { ours: StreamType },
  CvSignature: { ours: format.CodeViewSignature },
};

/** Other people's names for values of ours: every value is in our table. */
const sameValues: Record<string, Values> = {
  'breakpad.MDType': format.MINIDUMP_TYPE,
  'breakpad.MDStreamType': StreamType,
  'breakpad.MDMiscInfoFlags1': format.MINIDUMP_MISC_FLAGS,
  'breakpad.MDCPUArchitecture': ProcessorArchitecture,
  'breakpad.MDOSPlatform': PlatformId,
  'crashpad.MinidumpStreamType': StreamType,
  'crashpad.MinidumpCPUArchitecture': ProcessorArchitecture,
  'crashpad.MinidumpOSType': format.ProductType,
  'crashpad.MinidumpOS': PlatformId,
};

const registers = 'the numbers are in the comments of the contexts';
const reasons = 'what an exception code means belongs to the analysis of a crash';
const leftOut: Record<string, string> = {
  'breakpad.MDARMRegisterNumbers': registers,
  'breakpad.MDARM64RegisterNumbers': registers,
  'breakpad.MDMIPSRegisterNumbers': registers,
  'breakpad.MDPPCRegisterNumbers': registers,
  'breakpad.MDPPC64RegisterNumbers': registers,
  'breakpad.MDRISCVRegisterNumbers': registers,
  'breakpad.MDSPARCRegisterNumbers': registers,
  'breakpad.MDExceptionCodeFuchsia': reasons,
  'breakpad.MDExceptionFlagLinux': reasons,
  'breakpad.MDExceptionMac': reasons,
  'breakpad.MDExceptionCodeMac': reasons,
  'breakpad.MDExceptionCodePS3': reasons,
  'breakpad.MDExceptionCodeSolaris': reasons,
  'breakpad.MDExceptionCodeWin': reasons,
  'breakpad.MDNTStatusCodeWin': reasons,
  'breakpad.MDAccessViolationTypeWin': reasons,
  'breakpad.MDInPageErrorTypeWin': reasons,
  'breakpad.MDFastFailSubcodeTypeWin': reasons,
};

describeWith([needsLayouts], 'constants against the compilers', () => {
  let enums: Layouts['enums'];
  beforeAll(() => {
    enums = readLayouts().enums;
  });

  for (const [name, { ours, strip, prefix = '' }] of Object.entries(sameNames)) {
    it(name, () => {
      const { values, docs_values = {} } = enums[name]!;
      for (const [given, value] of Object.entries({ ...values, ...docs_values })) {
        if (given.includes('(newest)')) continue; // the masks of the newest header; ours are those of the measured one
        const ourName = prefix + (strip ? given.replace(strip, '') : given);
        expect(ours[ourName], ourName).toBe(value);
      }
    });
  }

  for (const [name, ours] of Object.entries(sameValues)) {
    it(`${name} by value`, () => {
      const known = new Set(Object.values(ours));
      const missing = Object.entries(enums[name]!.values).filter(([, value]) => !known.has(value >>> 0));
      expect(missing).toEqual([]);
    });
  }

  it('single constants', () => {
    const { values } = enums.CONSTANTS!;
    expect(format.MINIDUMP_SIGNATURE).toBe(values.MINIDUMP_SIGNATURE);
    expect(format.MINIDUMP_VERSION).toBe(values.MINIDUMP_VERSION);
    const parameters = format.MINIDUMP_EXCEPTION.fields.find(({ name }) => name === 'ExceptionInformation')!;
    expect(parameters.layout.size / 8).toBe(values.EXCEPTION_MAXIMUM_PARAMETERS);
    const features = format.XSTATE_CONFIG_FEATURE_MSC_INFO.fields.find(({ name }) => name === 'Features')!;
    expect(features.layout.size / 8).toBe(values.MAXIMUM_XSTATE_FEATURES);
    const build = format.MINIDUMP_MISC_INFO_5.fields.find(({ name }) => name === 'BuildString')!;
    expect(build.layout.size / 2).toBe(values.MAX_PATH);
  });

  it('results', () => {
    const wanted = Object.entries(enums.HRESULTS!.values).map(([name, value]) => {
      const wrapped = /^HRESULT_FROM_WIN32\((\w+)=/.exec(name)?.[1];
      // E_INVALIDARG is HRESULT_FROM_WIN32(ERROR_INVALID_PARAMETER).
      return [wrapped === 'ERROR_INVALID_PARAMETER' ? 'E_INVALIDARG' : (wrapped ?? name), value >>> 0];
    });
    expect(format.HRESULT).toEqual(Object.fromEntries(wanted));
  });

  it('leaves nothing out without a reason, and has no stale ones', () => {
    const known = [...Object.keys(sameNames), ...Object.keys(sameValues), ...Object.keys(leftOut)];
    expect([...known, 'CONSTANTS', 'HRESULTS'].sort()).toEqual(Object.keys(enums).sort());
  });
});
