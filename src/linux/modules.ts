import type { ModuleSegment, ReadMemory, TargetModule } from '../dump/target.js';
import { encodeBuildId, VS_FFI_SIGNATURE, VS_FIXEDFILEINFO } from '../format/index.js';
import type { Task } from '../io/index.js';
import {
  type ElfImage,
  type ImageReader,
  PF_W,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_LOAD,
  PT_NOTE,
  readBuildId,
  readElfImage,
  readSoname,
} from '../object/elf.js';
import type { Mapping } from './maps.js';

/** dwStrucVersion: 1.0 (verrsrc.h). */
const VS_FFI_STRUCVERSION = 0x0001_0000;
/** Breakpad's name for the vDSO; its symbol files go by it. */
const VDSO_NAME = 'linux-gate.so';
const VDSO = '[vdso]';

/** The mappings of one loaded file. */
interface Group {
  base: bigint;
  end: bigint;
  mappings: Mapping[];
}

/**
 * Modules from the mappings: those of one file that follow each other, from the one with offset 0 on, are one module, if
 * any of them holds code. The main program comes first, as in Windows' own dumps; the others ascend.
 */
export function* findModules(
  mappings: readonly Mapping[],
  read: ReadMemory,
  mainAddress: bigint,
): Task<TargetModule[]> {
  const groups = groupMappings(mappings);
  const main: TargetModule[] = [];
  const others: TargetModule[] = [];
  for (const [i, group] of groups.entries()) {
    const module = yield* describe(group, groups[i + 1]?.base, read);
    if (module === undefined) continue;
    const isMain = mainAddress >= module.base && mainAddress < module.base + BigInt(module.size);
    (isMain ? main : others).push(module);
  }
  return [...main, ...others];
}

function groupMappings(mappings: readonly Mapping[]): Group[] {
  const groups: Group[] = [];
  let current: Group | undefined;
  for (const mapping of mappings) {
    if (mapping.path === VDSO) {
      groups.push({ base: mapping.start, end: mapping.end, mappings: [mapping] });
      current = undefined;
      continue;
    }
    if (mapping.inode === 0n) continue;
    const first = current?.mappings[0];
    const sameFile = first?.inode === mapping.inode && first.device === mapping.device;
    // A second mapping of offset 0 is a second copy (dlmopen), unless it continues the first page twice (RELRO).
    if (current !== undefined && sameFile && (mapping.offset > 0n || mapping.start === current.end)) {
      current.mappings.push(mapping);
      current.end = mapping.end;
    } else {
      current =
        mapping.offset === 0n ? { base: mapping.start, end: mapping.end, mappings: [mapping] } : undefined;
      if (current !== undefined) groups.push(current);
    }
  }
  return groups.filter((group) => group.mappings.some(({ executable }) => executable));
}

function* describe(
  group: Group,
  limit: bigint | undefined,
  readMemory: ReadMemory,
): Task<TargetModule | undefined> {
  const read: ImageReader = function* (offset, length) {
    const address = group.base + offset;
    // An image lies between its base and the next one; nothing in its headers may lead out of it.
    if (offset < 0n || (limit !== undefined && address + BigInt(length) > limit)) return undefined;
    const bytes = yield* readMemory(address, length);
    return bytes.length === 0 ? undefined : bytes;
  };
  const mapped = group.end - group.base;
  const path = group.mappings[0]!.path === VDSO ? VDSO_NAME : group.mappings[0]!.path;
  // Headers that nobody can read (a core left them out) hide what the module is, not that it is there.
  if ((yield* read(0n, 1)) === undefined) return bareModule(group.base, mapped, path);
  const image = yield* readElfImage(read);
  if (image === undefined) return undefined;
  const size =
    image.size > mapped && (limit === undefined || group.base + image.size <= limit) ? image.size : mapped;
  const buildId = yield* readBuildId(image, read);
  return {
    base: group.base,
    size: imageSize(size),
    path,
    checkSum: 0,
    timeDateStamp: 0,
    versionInfo: versionInfo((yield* readSoname(image, group.base, read)) ?? path),
    codeView: buildId && encodeBuildId(buildId),
    misc: undefined,
    segments: segments(image, group.base),
  };
}

function bareModule(base: bigint, size: bigint, path: string): TargetModule {
  return {
    base,
    size: imageSize(size),
    path,
    checkSum: 0,
    timeDateStamp: 0,
    versionInfo: versionInfo(path),
    codeView: undefined,
    misc: undefined,
    segments: [],
  };
}

/** SizeOfImage has 32 bits. */
function imageSize(size: bigint): number {
  return Number(size > 0xffff_ffffn ? 0xffff_ffffn : size);
}

/** Of the ELF image, its program headers and notes; .eh_frame_hdr, and what follows it in its segment: .eh_frame. */
function segments({ headers, headerTable, linkBase }: ElfImage, base: bigint): ModuleSegment[] {
  const found: ModuleSegment[] = [];
  const add = (kind: ModuleSegment['kind'], address: bigint, end: bigint) => {
    found.push({ kind, start: base + address - linkBase, end: base + end - linkBase });
  };
  add('header', linkBase, linkBase + headerTable.offset + BigInt(headerTable.size));
  for (const { type, flags, address, memorySize } of headers) {
    if (type === PT_LOAD && (flags & PF_X) !== 0) add('code', address, address + memorySize);
    if (type === PT_LOAD && (flags & PF_W) !== 0) add('data', address, address + memorySize);
    if (type === PT_NOTE) add('note', address, address + memorySize);
    if (type === PT_GNU_EH_FRAME) {
      const load = headers.find(
        (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.memorySize,
      );
      if (load !== undefined) add('header', address, load.address + load.memorySize);
    }
  }
  return found.filter(({ start, end }) => end > start && end - start < 1n << 32n);
}

/** VS_FIXEDFILEINFO from the version in a shared object's name: `libfoo.so.1.2.3` is 1.2.3.0. */
function versionInfo(name: string): Uint8Array | undefined {
  const parts = /\.so\.(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?$/.exec(name);
  if (parts === null) return undefined;
  const [major, minor, patch, build] = parts.slice(1).map((part) => Math.min(0xffff, Number(part ?? 0)));
  const dwFileVersionMS = ((major! << 16) | minor!) >>> 0;
  const dwFileVersionLS = ((patch! << 16) | build!) >>> 0;
  return VS_FIXEDFILEINFO.encode({
    dwSignature: VS_FFI_SIGNATURE,
    dwStrucVersion: VS_FFI_STRUCVERSION,
    dwFileVersionMS,
    dwFileVersionLS,
    dwProductVersionMS: dwFileVersionMS,
    dwProductVersionLS: dwFileVersionLS,
  });
}
