import { VS_FFI_SIGNATURE, type VS_FIXEDFILEINFO } from '../format/index.js';
import type { Module, UnloadedModule } from '../reader/index.js';
import { type CpuName, hexString, leafName, type Os } from './platform.js';

/** What came of the search for a module's symbols. */
export interface SymbolState {
  /** Found, but not to be understood. */
  corrupt_symbols: boolean;
  /** Found, even if they were corrupt. */
  loaded_symbols: boolean;
  /** Looked for and not found. */
  missing_symbols: boolean;
  /** Where they were fetched from, now or at an earlier time; without a password. */
  symbol_url: string | null;
  /** What the symbols lack for a whole answer, such as .dwo files; rust-minidump has no such field, and it is absent where there are none. */
  symbol_gaps?: readonly string[];
}

/** Nobody looked. */
export const NO_SYMBOLS: SymbolState = {
  corrupt_symbols: false,
  loaded_symbols: false,
  missing_symbols: false,
  symbol_url: null,
};

/** An element of `modules` in rust-minidump's JSON. */
export interface ModuleReport extends SymbolState {
  base_addr: string;
  /** Who signed the file; a dump does not tell, those who know hand it in. */
  cert_subject: string | null;
  /** Lower-case hexadecimal, or empty */
  code_id: string;
  /** Leaf name, or empty */
  debug_file: string;
  /** Breakpad's form; 33 zeros where there is none */
  debug_id: string;
  /** The address behind the last byte */
  end_addr: string;
  /** Leaf name */
  filename: string;
  version: string | null;
}

/** An element of `unloaded_modules` in rust-minidump's JSON. */
export interface UnloadedModuleReport {
  base_addr: string;
  cert_subject: string | null;
  /** Time stamp and size, whatever the system */
  code_id: string;
  end_addr: string;
  /** As recorded, which may be a path */
  filename: string;
}

export interface ModuleOptions {
  symbols?: (module: Module) => SymbolState | undefined;
  /** By the name that the report has for the module. */
  certSubject?: (filename: string) => string | undefined;
}

const NO_DEBUG_ID = '0'.repeat(33);

/** A module must have an extent, and one that ends inside the address space. */
function hasExtent({ BaseOfImage, SizeOfImage }: { BaseOfImage: bigint; SizeOfImage: number }): boolean {
  return SizeOfImage !== 0 && BaseOfImage + BigInt(SizeOfImage) < 1n << 64n;
}

/** Of the list in its order, without the modules that have no extent, as in rust-minidump. */
export function moduleReports(
  modules: readonly Module[],
  os: Os,
  cpu: CpuName,
  { symbols, certSubject }: ModuleOptions = {},
): ModuleReport[] {
  return modules.filter(hasExtent).map((module) => {
    const filename = leafName(module.name ?? '');
    return {
      base_addr: hexString(module.BaseOfImage, cpu),
      cert_subject: certSubject?.(filename) ?? null,
      code_id: module.codeIdentifier ?? '',
      debug_file: leafName(module.debugFile ?? ''),
      debug_id: module.debugIdentifier ?? NO_DEBUG_ID,
      end_addr: hexString(module.BaseOfImage + BigInt(module.SizeOfImage), cpu),
      filename,
      version: moduleVersion(module.VersionInfo, os),
      ...(symbols?.(module) ?? NO_SYMBOLS),
    };
  });
}

export function unloadedModuleReports(
  modules: readonly UnloadedModule[],
  cpu: CpuName,
  { certSubject }: Pick<ModuleOptions, 'certSubject'> = {},
): UnloadedModuleReport[] {
  return modules.filter(hasExtent).map((module) => {
    const filename = module.name ?? '';
    return {
      base_addr: hexString(module.BaseOfImage, cpu),
      cert_subject: certSubject?.(filename) ?? null,
      code_id: module.codeIdentifier ?? '',
      end_addr: hexString(module.BaseOfImage + BigInt(module.SizeOfImage), cpu),
      filename,
    };
  });
}

/** VS_FFI_STRUCVERSION: 1.0 */
const STRUCTURE_VERSION = 0x10000;

/**
 * Windows packs two numbers of a file version into 32 bits. minidump-writer puts the version of a Linux library, from the end of
 * its name, into this structure with one number in each of four fields, and rust-minidump reads every system but Windows
 * and Apple's so.
 */
export function moduleVersion(info: VS_FIXEDFILEINFO, os: Os): string | null {
  if (info.dwSignature !== VS_FFI_SIGNATURE || info.dwStrucVersion !== STRUCTURE_VERSION) return null;
  const { dwFileVersionMS: high, dwFileVersionLS: low } = info;
  const packed = os === 'windows' || os === 'mac' || os === 'ios';
  const numbers = packed
    ? [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff]
    : [high, low, info.dwProductVersionMS, info.dwProductVersionLS];
  return numbers.join('.');
}
