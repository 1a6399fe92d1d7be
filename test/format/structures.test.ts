import { beforeAll, expect, it } from 'vitest';
import type { FieldInfo, Fields, Struct } from '../../src/format/index.js';
import * as format from '../../src/format/index.js';
import { describeWith } from '../support/tools.js';
import {
  type Layouts,
  type MeasuredStructure,
  needsLayouts,
  readLayouts,
  type Target,
} from './layouts-json.js';

const windowsTargets = ['x86_64', 'i686', 'aarch64', 'armv7'] as const;

/** Ours under another name than the compiler's, or only for some CPUs: where it was measured. */
const measuredAs: Record<string, readonly `${Target}.${string}`[]> = {
  CONTEXT_AMD64: ['x86_64.CONTEXT'],
  CONTEXT_X86: [
    'i686.CONTEXT',
    'x86_64.WOW64_CONTEXT',
    'i686.WOW64_CONTEXT',
    'aarch64.WOW64_CONTEXT',
    'armv7.WOW64_CONTEXT',
  ],
  CONTEXT_ARM: ['armv7.CONTEXT'],
  CONTEXT_ARM64: ['aarch64.CONTEXT'],
  XSAVE_FORMAT_AMD64: ['x86_64.XSAVE_FORMAT', 'x86_64.XMM_SAVE_AREA32', 'aarch64.XSAVE_FORMAT'],
  XSAVE_FORMAT_X86: ['i686.XSAVE_FORMAT', 'armv7.XSAVE_FORMAT'],
  FLOATING_SAVE_AREA: [
    'i686.FLOATING_SAVE_AREA',
    'x86_64.WOW64_FLOATING_SAVE_AREA',
    'i686.WOW64_FLOATING_SAVE_AREA',
    'aarch64.WOW64_FLOATING_SAVE_AREA',
    'armv7.WOW64_FLOATING_SAVE_AREA',
  ],
  MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK_64: [
    'x86_64.MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK',
    'aarch64.MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK',
  ],
  RUNTIME_FUNCTION_AMD64: ['x86_64.RUNTIME_FUNCTION'],
  RUNTIME_FUNCTION_ARM: ['aarch64.RUNTIME_FUNCTION', 'armv7.RUNTIME_FUNCTION'],
};

/** Breakpad's and Crashpad's names for what Windows has too: the same offsets and sizes, field by field in order. */
const sameAs: Record<string, string> = {
  'x86_64.EXCEPTION_RECORD64': 'MINIDUMP_EXCEPTION',
  'i686.EXCEPTION_RECORD64': 'MINIDUMP_EXCEPTION',
  'aarch64.EXCEPTION_RECORD64': 'MINIDUMP_EXCEPTION',
  'armv7.EXCEPTION_RECORD64': 'MINIDUMP_EXCEPTION',
  'breakpad.MDGUID': 'GUID',
  'breakpad.MDXmmSaveArea32AMD64': 'XSAVE_FORMAT_AMD64',
  'breakpad.MDRawContextAMD64': 'CONTEXT_AMD64',
  'breakpad.MDFloatingSaveAreaX86': 'FLOATING_SAVE_AREA',
  'breakpad.MDRawContextX86': 'CONTEXT_X86',
  'breakpad.MDRawContextARM64': 'CONTEXT_ARM64',
  'breakpad.MDFloatingSaveAreaPPC64': 'MDFloatingSaveAreaPPC',
  'breakpad.MDVectorSaveAreaPPC64': 'MDVectorSaveAreaPPC',
  'breakpad.MDVSFixedFileInfo': 'VS_FIXEDFILEINFO',
  'breakpad.MDLocationDescriptor': 'MINIDUMP_LOCATION_DESCRIPTOR',
  'breakpad.MDLocationDescriptor64': 'MINIDUMP_LOCATION_DESCRIPTOR64',
  'breakpad.MDMemoryDescriptor': 'MINIDUMP_MEMORY_DESCRIPTOR',
  'breakpad.MDRawHeader': 'MINIDUMP_HEADER',
  'breakpad.MDRawDirectory': 'MINIDUMP_DIRECTORY',
  'breakpad.MDRawThread': 'MINIDUMP_THREAD',
  'breakpad.MDRawThreadName': 'MINIDUMP_THREAD_NAME',
  'breakpad.MDException': 'MINIDUMP_EXCEPTION',
  'breakpad.MDRawExceptionStream': 'MINIDUMP_EXCEPTION_STREAM',
  'breakpad.MDCPUInformation': 'CPU_INFORMATION',
  'breakpad.MDRawSystemInfo': 'MINIDUMP_SYSTEM_INFO',
  'breakpad.MDRawUnloadedModule': 'MINIDUMP_UNLOADED_MODULE',
  'breakpad.MDRawUnloadedModuleList': 'MINIDUMP_UNLOADED_MODULE_LIST',
  'breakpad.MDSystemTime': 'SYSTEMTIME',
  'breakpad.MDTimeZoneInformation': 'TIME_ZONE_INFORMATION',
  'breakpad.MDXStateFeature': 'XSTATE_FEATURE',
  'breakpad.MDXStateConfigFeatureMscInfo': 'XSTATE_CONFIG_FEATURE_MSC_INFO',
  'breakpad.MDRawMemoryInfoList': 'MINIDUMP_MEMORY_INFO_LIST',
  'breakpad.MDRawMemoryInfo': 'MINIDUMP_MEMORY_INFO',
  'breakpad.MDRawSimpleStringDictionaryEntry': 'MinidumpSimpleStringDictionaryEntry',
  'breakpad.MDRawSimpleStringDictionary': 'MinidumpSimpleStringDictionary',
  'breakpad.MDRawCrashpadAnnotation': 'MinidumpAnnotation',
  'breakpad.MDRawCrashpadAnnotationList': 'MinidumpAnnotationList',
  'breakpad.MDRawModuleCrashpadInfo': 'MinidumpModuleCrashpadInfo',
  'breakpad.MDRawModuleCrashpadInfoLink': 'MinidumpModuleCrashpadInfoLink',
  'breakpad.MDRawModuleCrashpadInfoList': 'MinidumpModuleCrashpadInfoList',
  'breakpad.MDRawCrashpadInfo': 'MinidumpCrashpadInfo',
};

/**
 * Breakpad declares these for a compiler that aligns: padding that no file has (or that decodeCountedList knows), an
 * element of what follows, or both. Ours is the packed structure; the fields named here are elsewhere than the compiler put
 * them, or the tail is not ours.
 */
const breakpadAligned: Record<string, string> = {
  MDString: 'MINIDUMP_STRING',
  MDRawThreadList: 'MINIDUMP_THREAD_LIST',
  MDRawThreadNameList: 'MINIDUMP_THREAD_NAME_LIST',
  MDRawModule: 'MINIDUMP_MODULE',
  MDCVInfoPDB20: 'CV_INFO_PDB20',
  MDCVInfoPDB70: 'CV_INFO_PDB70',
  MDImageDebugMisc: 'IMAGE_DEBUG_MISC',
  MDRawModuleList: 'MINIDUMP_MODULE_LIST',
  MDRawMemoryList: 'MINIDUMP_MEMORY_LIST',
  MDRawMiscInfo: 'MINIDUMP_MISC_INFO_5',
};

const argument = 'an argument in memory, never in a file: belongs to the call into DbgHelp';
const inMemory = 'a structure of a live Windows system, not of dump files';
const peFile = 'a structure of PE files: src/object';
const leftOut: Record<string, string> = {
  MINIDUMP_EXCEPTION_INFORMATION: argument,
  MINIDUMP_USER_STREAM: argument,
  MINIDUMP_USER_STREAM_INFORMATION: argument,
  MINIDUMP_THREAD_CALLBACK: argument,
  MINIDUMP_THREAD_EX_CALLBACK: argument,
  MINIDUMP_INCLUDE_THREAD_CALLBACK: argument,
  MINIDUMP_MODULE_CALLBACK: argument,
  MINIDUMP_INCLUDE_MODULE_CALLBACK: argument,
  MINIDUMP_IO_CALLBACK: argument,
  MINIDUMP_READ_MEMORY_FAILURE_CALLBACK: argument,
  MINIDUMP_VM_QUERY_CALLBACK: argument,
  MINIDUMP_VM_PRE_READ_CALLBACK: argument,
  MINIDUMP_VM_POST_READ_CALLBACK: argument,
  MINIDUMP_CALLBACK_INPUT: argument,
  MINIDUMP_CALLBACK_OUTPUT: argument,
  MINIDUMP_CALLBACK_INFORMATION: argument,
  MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK: argument,
  EXCEPTION_RECORD: inMemory,
  EXCEPTION_RECORD32: inMemory,
  EXCEPTION_POINTERS: inMemory,
  XSTATE_CONFIGURATION: inMemory,
  NT_TIB: inMemory,
  NUMA_NODE_RELATIONSHIP: inMemory,
  GROUP_AFFINITY: inMemory,
  OSVERSIONINFOEXW: inMemory,
  SYSTEM_INFO: inMemory,
  MEMORY_BASIC_INFORMATION: inMemory,
  IMAGE_DEBUG_DIRECTORY: peFile,
  MDRawContextBase: 'the first field of the other contexts',
  MDCVHeader: 'the first two fields of CV_INFO_PDB20',
  MDFloatingSaveAreaARM64: 'V, Fpcr and Fpsr of CONTEXT_ARM64',
  CodeViewRecordPDB70: 'CV_INFO_PDB70',
  CodeViewRecordBuildID: 'MDCVInfoELF',
  CodeViewRecordPDB20: 'CV_INFO_PDB20',
};

const otherName = 'a second name of the field before it';
const element = 'the first element of what follows';
const bitField = 'a bit field inside UnwindData';
const leftOutFields: Record<string, string> = {
  'MINIDUMP_HEADER.Reserved': otherName,
  'MINIDUMP_SYSTEM_INFO.Reserved0': otherName,
  'MINIDUMP_SYSTEM_INFO.Reserved1': otherName,
  'x86_64.CONTEXT.FloatSave': otherName,
  'MDRawContextAMD64.sse_registers': 'Header to Xmm15 in one structure',
  'CV_INFO_PDB70.PdbFileName': element,
  'CV_INFO_PDB20.PdbFileName': element,
  'IMAGE_DEBUG_MISC.Data': element,
  'MDCVInfoELF.build_id': element,
  'MDString.buffer': element,
  'MDRawThreadList.threads': element,
  'MDRawThreadNameList.thread_names': element,
  'MDCVInfoPDB20.pdb_file_name': element,
  'MDCVInfoPDB20.cv_header': 'CvSignature and Offset',
  'MDCVInfoPDB70.pdb_file_name': element,
  'MDImageDebugMisc.data': element,
  'MDRawModuleList.modules': element,
  'MDRawMemoryList.memory_ranges': element,
  'RUNTIME_FUNCTION.Flag': bitField,
  'RUNTIME_FUNCTION.FunctionLength': bitField,
  'RUNTIME_FUNCTION.RegF': bitField,
  'RUNTIME_FUNCTION.RegI': bitField,
  'RUNTIME_FUNCTION.H': bitField,
  'RUNTIME_FUNCTION.CR': bitField,
  'RUNTIME_FUNCTION.FrameSize': bitField,
  'RUNTIME_FUNCTION.Ret': bitField,
  'RUNTIME_FUNCTION.Reg': bitField,
  'RUNTIME_FUNCTION.R': bitField,
  'RUNTIME_FUNCTION.L': bitField,
  'RUNTIME_FUNCTION.C': bitField,
  'RUNTIME_FUNCTION.StackAdjust': bitField,
  'MinidumpCrashpadInfo.kVersion': 'a constant of the class',
  'MinidumpModuleCrashpadInfo.kVersion': 'a constant of the class',
};

/** The compiled size has the first element of what follows, and padding. */
const openEnded = new Set([
  'CV_INFO_PDB70',
  'CV_INFO_PDB20',
  'IMAGE_DEBUG_MISC',
  'MDCVInfoELF',
  ...Object.keys(breakpadAligned),
]);

/** Ours, and in no header that was compiled. */
const unmeasured: Record<string, string> = {
  CONTEXT_CHUNK: 'winnt.h; checked by the extended contexts of the corpus',
  CONTEXT_EX: 'winnt.h; checked by the extended contexts of the corpus',
  XSAVE_AREA_HEADER: 'winnt.h; checked by the extended contexts of the corpus',
  AVRF_BACKTRACE_INFORMATION: 'avrfsdk.h',
  AVRF_HANDLE_OPERATION: 'avrfsdk.h',
  MINIDUMP_MAC_CRASH_INFO: 'rust-minidump format.rs, which is Rust',
  MINIDUMP_MAC_CRASH_INFO_RECORD: 'rust-minidump format.rs, which is Rust',
  MINIDUMP_MAC_CRASH_INFO_RECORD_4: 'rust-minidump format.rs, which is Rust',
  MINIDUMP_MAC_CRASH_INFO_RECORD_5: 'rust-minidump format.rs, which is Rust',
  MINIDUMP_MAC_BOOTARGS: 'rust-minidump format.rs, which is Rust',
  X86_CPU_INFO: 'has no name in C; checked inside CPU_INFORMATION',
  ARM_CPU_INFO: 'has no name in C; checked inside CPU_INFORMATION',
  OTHER_CPU_INFO: 'has no name in C; checked inside CPU_INFORMATION',
};

type AnyStruct = Struct<Fields>;
const ours = new Map<string, AnyStruct>(
  Object.entries(format as Record<string, unknown>).filter(
    (entry): entry is [string, AnyStruct] =>
      typeof (entry[1] as AnyStruct | undefined)?.offsetOf === 'function',
  ),
);

const signed = /^(LONG|LONG64|LONGLONG|int32_t|int64_t|HRESULT)\b/;

interface Place {
  offset: number;
  size: number;
}
const byPlace = (a: Place, b: Place) => a.offset - b.offset || b.size - a.size;

/** Every measured field of a place (`target.structure`) that is not empty and not left out. */
function measuredFields(place: string, measured: MeasuredStructure) {
  const name = place.slice(place.indexOf('.') + 1);
  return Object.entries(measured.fields).filter(
    ([field, { size }]) =>
      size > 0 && !leftOutFields[`${name}.${field}`] && !leftOutFields[`${place}.${field}`],
  );
}

function places(structure: AnyStruct): Place[] {
  return structure.fields.map(({ offset, layout }) => ({ offset, size: layout.size }));
}

function isStruct(field: FieldInfo): boolean {
  return 'fields' in field.layout;
}

describeWith([needsLayouts], 'structures against the compilers', () => {
  let layouts: Layouts;
  beforeAll(() => {
    layouts = readLayouts();
  });
  const seen = new Set<string>();

  function measuredPlaces(name: string): `${Target}.${string}`[] {
    if (measuredAs[name]) return [...measuredAs[name]];
    return ([...windowsTargets, 'breakpad', 'crashpad'] as const)
      .filter((target) => layouts[target][name])
      .map((target) => `${target}.${name}` as const);
  }
  function at(place: string): MeasuredStructure {
    const [target, name] = place.split('.') as [Target, string];
    return layouts[target][name]!;
  }

  for (const [name, structure] of ours) {
    if (unmeasured[name]) continue;
    it(name, () => {
      const measuredIn = measuredPlaces(name);
      expect(measuredIn, 'nobody measured it').not.toEqual([]);
      for (const place of measuredIn) {
        seen.add(place);
        const measured = at(place);
        if (!openEnded.has(name)) expect(structure.size, place).toBe(measured.size);
        const fields = measuredFields(place, measured);
        const extra = name === 'CPU_INFORMATION' ? ['ArmCpuInfo'] : [];
        expect(structure.fields.map((field) => field.name).sort(), place).toEqual(
          [...fields.map(([field]) => field), ...extra].sort(),
        );
        for (const [field, { offset, size, type, fields: inner }] of fields) {
          const our = structure.fields.find((one) => one.name === field)!;
          expect({ offset: our.offset, size: our.layout.size }, `${place}.${field}`).toEqual({
            offset,
            size,
          });
          if (!isStruct(our))
            expect(/^i\d/.test(our.layout.name), `${place}.${field}: ${type}`).toBe(signed.test(type));
          if (inner && isStruct(our)) {
            const nested = our.layout as AnyStruct;
            const innerPlaces = Object.values(inner).map((one) => ({
              offset: one.offset - offset,
              size: one.size,
            }));
            expect(places(nested), `${place}.${field}`).toEqual(innerPlaces);
          }
        }
      }
    });
  }

  for (const [place, ourName] of Object.entries(sameAs)) {
    it(`${place} is ${ourName}`, () => {
      seen.add(place);
      const measured = at(place);
      const structure = ours.get(ourName)!;
      expect(structure.size).toBe(measured.size);
      const found = places(structure);
      for (const [field, { offset, size, fields }] of measuredFields(place, measured)) {
        if (fields && ourName === 'CPU_INFORMATION') continue; // three arms at one place
        const exact = found.some((one) => one.offset === offset && one.size === size);
        // Breakpad has arrays and groups where Windows has a field each: then the fields cover it without a gap.
        const inside = found
          .filter((one) => one.offset >= offset && one.offset + one.size <= offset + size)
          .sort(byPlace);
        let end = offset;
        for (const one of inside) end = Math.max(end, one.offset <= end ? one.offset + one.size : end);
        expect(exact || end === offset + size, `${field} at ${offset}, ${size} bytes`).toBe(true);
      }
    });
  }

  for (const [name, ourName] of Object.entries(breakpadAligned)) {
    it(`breakpad.${name} begins as ${ourName}`, () => {
      seen.add(`breakpad.${name}`);
      const found = places(ours.get(ourName)!);
      for (const [field, { offset, size }] of measuredFields(`breakpad.${name}`, layouts.breakpad[name]!)) {
        const split =
          found.some((one) => one.offset === offset) &&
          found.some((one) => one.offset + one.size === offset + size);
        expect(split, `${field} at ${offset}, ${size} bytes`).toBe(true);
      }
    });
  }

  it('leaves nothing out without a reason', () => {
    const missing: string[] = [];
    for (const target of [...windowsTargets, 'breakpad', 'crashpad'] as const) {
      for (const name of Object.keys(layouts[target])) {
        if (!seen.has(`${target}.${name}`) && !leftOut[name]) missing.push(`${target}.${name}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('has no stale reasons', () => {
    const targets = [...windowsTargets, 'breakpad', 'crashpad'] as const;
    const measured = new Set(targets.flatMap((target) => Object.keys(layouts[target])));
    expect(Object.keys(leftOut).filter((name) => !measured.has(name) || ours.has(name))).toEqual([]);
    expect(Object.keys(unmeasured).filter((name) => measured.has(name) || !ours.has(name))).toEqual([]);
    const stale = Object.keys(leftOutFields).filter((place) => {
      const [field, name] = place.split('.').reverse() as [string, string];
      return !targets.some((target) => layouts[target][name]?.fields[field]);
    });
    expect(stale).toEqual([]);
  });
});
