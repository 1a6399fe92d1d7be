import type { TargetModule } from '../../dump/target.js';
import { encodeBuildId, VS_FFI_SIGNATURE, VS_FIXEDFILEINFO } from '../../format/index.js';
import { type ImageReader, readBuildId, readElfImage, readSoname } from '../../object/elf.js';
import type { ProcessMemory } from './memory.js';
import type { Mapping } from './procfs.js';

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
export function findModules(
  mappings: readonly Mapping[],
  memory: ProcessMemory,
  mainAddress: bigint,
): TargetModule[] {
  const groups = groupMappings(mappings);
  const found: { module: TargetModule; isMain: boolean }[] = [];
  groups.forEach((group, i) => {
    const limit = groups[i + 1]?.base;
    const module = describe(group, limit, memory);
    if (module === undefined) return;
    const isMain = mainAddress >= module.base && mainAddress < module.base + BigInt(module.size);
    found.push({ module, isMain });
  });
  return [...found.filter(({ isMain }) => isMain), ...found.filter(({ isMain }) => !isMain)].map(
    ({ module }) => module,
  );
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

function describe(group: Group, limit: bigint | undefined, memory: ProcessMemory): TargetModule | undefined {
  const read: ImageReader = (offset, length) => {
    const bytes = new Uint8Array(length);
    const address = group.base + offset;
    // An image lies between its base and the next one; nothing in its headers may lead out of it.
    if (offset < 0n || (limit !== undefined && address + BigInt(length) > limit)) return undefined;
    const got = memory.read(address, bytes);
    return got === 0 ? undefined : bytes.subarray(0, got);
  };
  const image = readElfImage(read);
  if (image === undefined) return undefined;
  const mapped = group.end - group.base;
  const size =
    image.size > mapped && (limit === undefined || group.base + image.size <= limit) ? image.size : mapped;
  const path = group.mappings[0]!.path === VDSO ? VDSO_NAME : group.mappings[0]!.path;
  const buildId = readBuildId(image, read);
  return {
    base: group.base,
    size: Number(size > 0xffff_ffffn ? 0xffff_ffffn : size),
    path,
    checkSum: 0,
    timeDateStamp: 0,
    versionInfo: versionInfo(readSoname(image, group.base, read) ?? path),
    codeView: buildId && encodeBuildId(buildId),
    misc: undefined,
  };
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
