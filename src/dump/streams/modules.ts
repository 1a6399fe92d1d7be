import {
  encodeDsoDebug,
  encodeLinkMaps,
  encodeModuleList,
  encodeUnloadedModuleList,
  MODULE_WRITE_FLAGS,
  VS_FIXEDFILEINFO,
} from '../../format/index.js';
import { hasFlag } from '../dump-type.js';
import { type Image, type Location, NOWHERE } from '../image.js';
import type { TargetLinkMap, TargetModule } from '../target.js';
import { fileName, filtersPaths, type StreamContext } from './context.js';

const { ModuleWriteCvRecord, ModuleWriteMiscRecord } = MODULE_WRITE_FLAGS;

export function moduleList(image: Image, context: StreamContext): Location {
  const name = pathFilter(context);
  const modules = context.selection.modules.map(({ module, flags }) => ({
    BaseOfImage: module.base,
    SizeOfImage: module.size,
    CheckSum: module.checkSum,
    TimeDateStamp: module.timeDateStamp,
    ModuleNameRva: image.string(name(module.path)),
    ...(module.versionInfo && { VersionInfo: VS_FIXEDFILEINFO.decode(module.versionInfo) }),
    CvRecord: record(image, hasFlag(flags, ModuleWriteCvRecord) ? buildId(context, module) : undefined),
    MiscRecord: record(image, hasFlag(flags, ModuleWriteMiscRecord) ? module.misc : undefined),
  }));
  return image.place(encodeModuleList(modules));
}

/** The CodeView record, unless the callback removed the memory that it was read from. */
function buildId({ selection }: StreamContext, module: TargetModule): Uint8Array | undefined {
  const gone = module.segments.some(
    ({ kind, start, end }) => kind === 'note' && selection.memory.touches(start, Number(end - start)),
  );
  return gone ? undefined : module.codeView;
}

function pathFilter(context: StreamContext): (path: string) => string {
  return filtersPaths(context) ? fileName : (path) => path;
}

function record(image: Image, bytes: Uint8Array | undefined): Location {
  return bytes === undefined ? NOWHERE : image.place(bytes, 4);
}

export function unloadedModuleList(image: Image, context: StreamContext): Location {
  const name = pathFilter(context);
  const modules = context.unloadedModules.map((module) => ({
    BaseOfImage: module.base,
    SizeOfImage: module.size,
    CheckSum: module.checkSum,
    TimeDateStamp: module.timeDateStamp,
    ModuleNameRva: image.string(name(module.path)),
  }));
  return image.place(encodeUnloadedModuleList(modules));
}

/**
 * Breakpad's MDRawDebug: r_debug, an array of link_map, and the bytes of the dynamic section behind it. They were read through
 * the redaction: what was removed is zero, and a chain of link_map ends there.
 */
export function dsoDebug(image: Image, context: StreamContext, map: TargetLinkMap): Location {
  const path = pathFilter(context);
  const { pointerSize } = context.target.system;
  const entries = map.objects.map(({ address, name, dynamic }) => ({
    addr: address,
    name: image.string(path(name)),
    ld: dynamic,
  }));
  const debug = {
    version: map.version,
    map: image.place(encodeLinkMaps(entries, pointerSize)).Rva,
    dso_count: entries.length,
    brk: map.breakpoint,
    ldbase: map.linkerBase,
    dynamic: map.dynamicAddress,
  };
  return image.place(encodeDsoDebug(debug, map.dynamic, pointerSize));
}
