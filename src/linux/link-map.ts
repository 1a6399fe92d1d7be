import type { ReadMemory, TargetLinkMap } from '../dump/target.js';
import type { Task } from '../io/index.js';
import { cString, DT_DEBUG, PT_DYNAMIC, PT_PHDR, parseDynamic, parseProgramHeaders } from '../object/elf.js';
import { AT_PHDR, AT_PHNUM } from './auxv.js';

/** No process has more objects; a chain that was scribbled over may be a circle. */
const MAX_OBJECTS = 10_000;
const MAX_NAME = 4096;
const MAX_DYNAMIC_BYTES = 16 * 1024;

/**
 * The dynamic linker's list of loaded objects (r_debug and link_map of link.h). Undefined for a static program, and for one
 * whose list is not there yet.
 *
 * @param read gives the bytes at an address of the process, as many as there are
 */
export function* readLinkMap(
  auxv: ReadonlyMap<number, bigint>,
  read: ReadMemory,
): Task<TargetLinkMap | undefined> {
  const tableAddress = auxv.get(AT_PHDR);
  const count = Math.min(Number(auxv.get(AT_PHNUM) ?? 0n), 512);
  const table = tableAddress === undefined ? undefined : yield* read(tableAddress, count * 56);
  if (table === undefined || tableAddress === undefined) return undefined;
  const headers = parseProgramHeaders(table, Math.floor(table.length / 56));
  const own = headers.find(({ type }) => type === PT_PHDR);
  const dynamicHeader = headers.find(({ type }) => type === PT_DYNAMIC);
  if (dynamicHeader === undefined || dynamicHeader.memorySize > MAX_DYNAMIC_BYTES) return undefined;
  const bias = own === undefined ? 0n : tableAddress - own.address;
  const dynamicAddress = dynamicHeader.address + bias;
  const dynamic = yield* read(dynamicAddress, Number(dynamicHeader.memorySize));
  const debugAddress = parseDynamic(dynamic).get(DT_DEBUG);
  const debug = debugAddress ? yield* read(debugAddress, 40) : undefined;
  if (debug === undefined || debug.length < 40) return undefined;

  const view = new DataView(debug.buffer, debug.byteOffset, debug.byteLength);
  const objects: TargetLinkMap['objects'] = [];
  for (let at = view.getBigUint64(8, true); at !== 0n && objects.length < MAX_OBJECTS; ) {
    const entry = yield* read(at, 40);
    if (entry.length < 40) break;
    const fields = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
    const nameAddress = fields.getBigUint64(8, true);
    objects.push({
      at,
      address: fields.getBigUint64(0, true),
      nameAddress,
      name: yield* readName(nameAddress, read),
      dynamic: fields.getBigUint64(16, true),
    });
    at = fields.getBigUint64(24, true);
  }
  return {
    version: view.getUint32(0, true),
    breakpoint: view.getBigUint64(16, true),
    linkerBase: view.getBigUint64(32, true),
    dynamicAddress,
    dynamic,
    objects,
  };
}

function* readName(address: bigint, read: ReadMemory): Task<string> {
  return address === 0n ? '' : (cString(yield* read(address, MAX_NAME)) ?? '');
}
