import { broken, paddedText } from '../bytes.js';

/** The load commands of a Mach-O file (mach-o/loader.h), as far as they are used here. */

const LC_REQ_DYLD = 0x8000_0000;
const LC_SEGMENT = 0x01;
const LC_SYMTAB = 0x02;
const LC_ID_DYLIB = 0x0d;
const LC_SEGMENT_64 = 0x19;
const LC_UUID = 0x1b;
const LC_ENCRYPTION_INFO = 0x21;
const LC_DYLD_INFO = 0x22;
const LC_DYLD_INFO_ONLY = LC_DYLD_INFO + LC_REQ_DYLD;
const LC_FUNCTION_STARTS = 0x26;
const LC_ENCRYPTION_INFO_64 = 0x2c;
const LC_BUILD_VERSION = 0x32;
const LC_DYLD_EXPORTS_TRIE = 0x33 + LC_REQ_DYLD;
/** LC_VERSION_MIN_*, which LC_BUILD_VERSION took the place of, and the platforms that they stand for. */
const VERSION_MIN: Readonly<Record<number, number>> = { 36: 1, 37: 2, 47: 3, 48: 4 };

/** Platforms of LC_BUILD_VERSION by their numbers. */
const PLATFORMS: Readonly<Record<number, string>> = {
  1: 'macos',
  2: 'ios',
  3: 'tvos',
  4: 'watchos',
  5: 'bridgeos',
  6: 'maccatalyst',
  7: 'ios-simulator',
  8: 'tvos-simulator',
  9: 'watchos-simulator',
  10: 'driverkit',
  11: 'visionos',
  12: 'visionos-simulator',
};

/** Types of sections that have no bytes in the file: S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL. */
const ZEROFILL: ReadonlySet<number> = new Set([0x01, 0x0c, 0x12]);
/** Symbols count them with 8 bits, from 1. */
const MAX_SECTIONS = 255;
const SECTION_TYPE = 0xff;
const S_ATTR_PURE_INSTRUCTIONS = 0x8000_0000;
const S_ATTR_SOME_INSTRUCTIONS = 0x400;

export interface MachSegment {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly fileOffset: number;
  readonly fileSize: number;
}

export interface MachSection {
  /** As it is in the file: `__text`, `__debug_str_offs` (16 bytes at most). */
  readonly name: string;
  readonly segment: string;
  readonly address: number;
  readonly size: number;
  /** In the file; 0 where the file does not have its bytes, as for what dSYM files say of the module. */
  readonly offset: number;
  /** Whether it holds instructions. */
  readonly isCode: boolean;
}

/** A part of the file, in bytes. */
export interface FileRange {
  readonly offset: number;
  readonly size: number;
}

export interface BuildVersion {
  /** `macos`, `ios-simulator`; the number where it has no name here. */
  readonly platform: string;
  /** The oldest system that it runs on: `11.0.0`. */
  readonly minimumSystem: string;
  readonly sdk: string;
}

export interface LoadCommands {
  readonly segments: readonly MachSegment[];
  /** In the order in which symbols count them, from 1. */
  readonly sections: readonly MachSection[];
  /** 16 bytes. */
  readonly uuid: Uint8Array | undefined;
  /** nlist entries and their texts. */
  readonly symbols:
    | { readonly offset: number; readonly count: number; readonly texts: FileRange }
    | undefined;
  readonly functionStarts: FileRange | undefined;
  readonly exportsTrie: FileRange | undefined;
  /** What the App Store has encrypted. */
  readonly encrypted: FileRange | undefined;
  readonly buildVersion: BuildVersion | undefined;
  /** The path that a library is loaded by (LC_ID_DYLIB). */
  readonly installName: string | undefined;
}

/**
 * Reads load commands. Throws `malformed` where one does not fit into the next: from there on nothing is known.
 *
 * @param count how many the header says there are
 */
export function parseLoadCommands(bytes: Uint8Array, count: number, little: boolean): LoadCommands {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number) => view.getUint32(at, little);
  const found: { -readonly [K in keyof LoadCommands]: LoadCommands[K] } = {
    segments: [],
    sections: [],
    uuid: undefined,
    symbols: undefined,
    functionStarts: undefined,
    exportsTrie: undefined,
    encrypted: undefined,
    buildVersion: undefined,
    installName: undefined,
  };
  const segments: MachSegment[] = [];
  const sections: MachSection[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 8 > bytes.length) throw broken('load commands', `${count} commands`, `the end after ${i}`);
    const command = u32(at);
    const size = u32(at + 4);
    if (size < 8 || at + size > bytes.length)
      throw broken('load commands', `a size inside ${bytes.length - at} bytes`, `${size} of command ${i}`);
    const has = (wanted: number) => size >= wanted;
    const range = (from: number): FileRange => ({ offset: u32(at + from), size: u32(at + from + 4) });
    switch (command) {
      case LC_SEGMENT:
      case LC_SEGMENT_64:
        readSegment(view, at, size, { wide: command === LC_SEGMENT_64, little }, segments, sections);
        break;
      case LC_UUID:
        if (has(24)) found.uuid = bytes.slice(at + 8, at + 24);
        break;
      case LC_SYMTAB:
        if (has(24)) found.symbols = { offset: u32(at + 8), count: u32(at + 12), texts: range(16) };
        break;
      case LC_FUNCTION_STARTS:
        if (has(16)) found.functionStarts = range(8);
        break;
      case LC_DYLD_EXPORTS_TRIE:
        if (has(16)) found.exportsTrie = range(8);
        break;
      case LC_DYLD_INFO:
      case LC_DYLD_INFO_ONLY:
        // Of rebasing, three kinds of binding, and exports: the last.
        if (has(48)) found.exportsTrie ??= range(40);
        break;
      case LC_ENCRYPTION_INFO:
      case LC_ENCRYPTION_INFO_64:
        // cryptid: 0 once it has been decrypted.
        if (has(20) && u32(at + 16) !== 0) found.encrypted = range(8);
        break;
      case LC_BUILD_VERSION:
        if (has(20)) found.buildVersion = buildVersion(u32(at + 8), u32(at + 12), u32(at + 16));
        break;
      case LC_ID_DYLIB: {
        const name = has(12) ? u32(at + 8) : 0;
        if (name >= 12 && name < size) found.installName = paddedText(bytes.subarray(at + name, at + size));
        break;
      }
      default: {
        const platform = VERSION_MIN[command];
        if (platform !== undefined && has(16))
          found.buildVersion ??= buildVersion(platform, u32(at + 8), u32(at + 12));
      }
    }
    at += size;
  }
  return { ...found, segments, sections };
}

function readSegment(
  view: DataView,
  at: number,
  commandSize: number,
  { wide, little }: { wide: boolean; little: boolean },
  segments: MachSegment[],
  sections: MachSection[],
): void {
  const word = (from: number) =>
    wide ? Number(view.getBigUint64(from, little)) : view.getUint32(from, little);
  const headSize = wide ? 72 : 56;
  const sectionSize = wide ? 80 : 68;
  if (commandSize < headSize) throw broken('segment', `${headSize} bytes`, `${commandSize}`);
  const count = view.getUint32(at + (wide ? 64 : 48), little);
  if (count > (commandSize - headSize) / sectionSize)
    throw broken('segment', `sections inside ${commandSize} bytes`, `${count} of them`);
  const step = wide ? 8 : 4;
  segments.push({
    name: fixedText(view, at + 8),
    address: word(at + 24),
    size: word(at + 24 + step),
    fileOffset: word(at + 24 + 2 * step),
    fileSize: word(at + 24 + 3 * step),
  });
  for (let i = 0; i < count; i++) {
    const from = at + headSize + i * sectionSize;
    const flags = view.getUint32(from + (wide ? 64 : 56), little);
    if (sections.length === MAX_SECTIONS)
      throw broken('segment', `at most ${MAX_SECTIONS} sections in a file`, 'more');
    sections.push({
      name: fixedText(view, from),
      segment: fixedText(view, from + 16),
      address: word(from + 32),
      size: word(from + 32 + step),
      offset: ZEROFILL.has(flags & SECTION_TYPE) ? 0 : view.getUint32(from + 32 + 2 * step, little),
      isCode: (flags & (S_ATTR_PURE_INSTRUCTIONS | S_ATTR_SOME_INSTRUCTIONS)) !== 0,
    });
  }
}

/** A name of 16 bytes, which ends with them or at a NUL. */
function fixedText(view: DataView, at: number): string {
  return paddedText(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

/** Versions are 16 bits and twice 8. */
function buildVersion(platform: number, minimum: number, sdk: number): BuildVersion {
  const version = (packed: number) => `${packed >>> 16}.${(packed >>> 8) & 0xff}.${packed & 0xff}`;
  return {
    platform: PLATFORMS[platform] ?? String(platform),
    minimumSystem: version(minimum),
    sdk: version(sdk),
  };
}
