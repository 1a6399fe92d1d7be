import {
  type CodeView,
  decodeCodeView,
  decodeDebugMisc,
  decodeModuleList,
  decodeUnloadedModuleList,
  fileVersion,
  GUID,
  guidDigits,
  isZeroGuid,
  type MINIDUMP_LOCATION_DESCRIPTOR,
  type MINIDUMP_MODULE,
  type MINIDUMP_SYSTEM_INFO,
  type MINIDUMP_UNLOADED_MODULE,
} from '../../format/index.js';
import { hex } from '../../io/bytes.js';
import { MinidumpError, type Task } from '../../io/index.js';
import type { Minidump } from '../minidump.js';
import { type Part, partOr, readParts, readStrings } from '../parts.js';
import type { Decoder } from './decoder.js';
import { isApple, isWindows } from './system-info.js';

/** What symbol servers and symbol files are found by. */
export interface ModuleIdentity {
  /** The file with the debug information: the recorded path of the PDB, or for a build id the module's own name. */
  debugFile: string | undefined;
  /** As Breakpad has it: 32 digits and the age. */
  debugIdentifier: string | undefined;
  /** Windows: time stamp and size. ELF: the build id. macOS: the UUID. In lower case. */
  codeIdentifier: string | undefined;
}

export interface Module extends MINIDUMP_MODULE, ModuleIdentity {
  /** Path of the file. */
  name: string | undefined;
  /** "10.0.17763.1", from VersionInfo. */
  version: string | undefined;
  codeView: CodeView | undefined;
  /** The file that MiscRecord names. */
  debugMisc: string | undefined;
  problems: MinidumpError[];
}

/** PDB paths and build ids are short; nothing else is known to stand here. */
const LONGEST_RECORD = 0x10000;

export const readModules: Decoder<Module[]> = function* (dump, bytes) {
  const modules = decodeModuleList(bytes, dump.littleEndian);
  const system = yield* dump.systemTask();
  const names = yield* readStrings(
    dump,
    'module name',
    modules.map(({ ModuleNameRva }) => ModuleNameRva),
  );
  const codeViews = yield* readRecords(
    dump,
    modules.map(({ CvRecord }) => CvRecord),
    decodeCodeView,
  );
  const miscs = yield* readRecords(
    dump,
    modules.map(({ MiscRecord }) => MiscRecord),
    decodeDebugMisc,
  );
  return modules.map((module, i) => {
    const problems: MinidumpError[] = [];
    const name = partOr(names[i]!, problems);
    const codeView = partOr(codeViews[i], problems);
    return {
      ...module,
      name,
      version: fileVersion(module.VersionInfo),
      codeView,
      debugMisc: partOr(miscs[i], problems),
      ...identify(module, name, codeView, system),
      problems,
    };
  });
};

function* readRecords<T>(
  dump: Minidump,
  locations: readonly MINIDUMP_LOCATION_DESCRIPTOR[],
  decode: (bytes: Uint8Array, littleEndian: boolean) => T,
): Task<Part<T | undefined>[]> {
  const parts = yield* readParts(
    dump,
    'debug record',
    locations.map(({ Rva, DataSize }) => ({ rva: DataSize === 0 ? 0 : Rva, size: DataSize })),
    LONGEST_RECORD,
  );
  return parts.map((part) => {
    if (part instanceof MinidumpError) return part;
    if (part.length === 0) return undefined;
    try {
      return decode(part, dump.littleEndian);
    } catch (error) {
      return error as MinidumpError;
    }
  });
}

/**
 * The identifiers as rust-minidump forms them. Breakpad's readers agree, but that they also give identifiers made of zeros.
 */
export function identify(
  module: { TimeDateStamp: number; SizeOfImage: number },
  name: string | undefined,
  codeView: CodeView | undefined,
  system: MINIDUMP_SYSTEM_INFO | undefined,
): ModuleIdentity {
  const stampAndSize = peIdentifier(module);
  switch (codeView?.kind) {
    case 'pdb70': {
      const digits = isZeroGuid(codeView.Signature) ? undefined : guidDigits(codeView.Signature);
      return {
        debugFile: codeView.PdbFileName,
        debugIdentifier: digits && digits.toUpperCase() + codeView.Age.toString(16),
        // On Apple's systems the record holds the UUID of the file itself.
        codeIdentifier: isApple(system) ? digits : stampAndSize,
      };
    }
    case 'pdb20': {
      const stamp = codeView.Signature.toString(16).padStart(8, '0').toUpperCase();
      return {
        debugFile: codeView.PdbFileName,
        debugIdentifier: stamp + codeView.Age.toString(16),
        codeIdentifier: stampAndSize,
      };
    }
    case 'elf': {
      const known = codeView.buildId.some((byte) => byte !== 0);
      return {
        debugFile: name,
        debugIdentifier: known ? buildIdAsGuid(codeView.buildId) : undefined,
        codeIdentifier: known ? hex(codeView.buildId) : undefined,
      };
    }
    default:
      return {
        debugFile: undefined,
        debugIdentifier: undefined,
        codeIdentifier: isWindows(system) && codeView === undefined ? stampAndSize : undefined,
      };
  }
}

/** What Microsoft's symbol servers file a PE by. */
function peIdentifier(module: { TimeDateStamp: number; SizeOfImage: number }): string {
  return module.TimeDateStamp.toString(16).padStart(8, '0') + module.SizeOfImage.toString(16);
}

/**
 * Breakpad's identifier of an ELF file: the first 16 bytes of the build id, read as a little-endian GUID whatever the dump's
 * byte order, and an age of 0.
 */
export function buildIdAsGuid(buildId: Uint8Array): string {
  const start = new Uint8Array(GUID.size);
  start.set(buildId.subarray(0, GUID.size));
  return `${guidDigits(GUID.decode(start)).toUpperCase()}0`;
}

export interface UnloadedModule extends MINIDUMP_UNLOADED_MODULE {
  name: string | undefined;
  codeIdentifier: string | undefined;
  problems: MinidumpError[];
}

export const readUnloadedModules: Decoder<UnloadedModule[]> = function* (dump, bytes) {
  const modules = decodeUnloadedModuleList(bytes, dump.littleEndian);
  const names = yield* readStrings(
    dump,
    'module name',
    modules.map(({ ModuleNameRva }) => ModuleNameRva),
  );
  return modules.map((module, i) => {
    const problems: MinidumpError[] = [];
    return { ...module, name: partOr(names[i]!, problems), codeIdentifier: peIdentifier(module), problems };
  });
};
