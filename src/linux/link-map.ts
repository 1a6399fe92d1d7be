import type { ReadMemory, TargetLinkMap } from '../dump/target.js';
import type { Task } from '../io/index.js';
import { cString } from '../object/bytes.js';
import {
  DT_DEBUG,
  PT_DYNAMIC,
  PT_PHDR,
  parseDynamic,
  parseProgramHeaders,
  programHeaderSize,
} from '../object/elf.js';
import { AT_PHDR, AT_PHNUM } from './auxv.js';

/** No process has more objects; a chain that was scribbled over may be a circle. */
const MAX_OBJECTS = 10_000;
const MAX_NAME = 4096;
const MAX_DYNAMIC_BYTES = 16 * 1024;
/** r_debug: version, map, brk, state, ldbase. link_map: addr, name, ld, next, prev. */
const WORDS = 5;

/**
 * The dynamic linker's list of loaded objects (r_debug and link_map of link.h). Undefined for a static program, and for one
 * whose list is not there yet.
 *
 * @param read gives the bytes at an address of the process, as many as there are
 */
export function* readLinkMap(
  auxv: ReadonlyMap<number, bigint>,
  read: ReadMemory,
  pointerSize: 4 | 8 = 8,
): Task<TargetLinkMap | undefined> {
  const tableAddress = auxv.get(AT_PHDR);
  const count = Math.min(Number(auxv.get(AT_PHNUM) ?? 0n), 512);
  const headerSize = programHeaderSize(pointerSize);
  const table = tableAddress === undefined ? undefined : yield* read(tableAddress, count * headerSize);
  if (table === undefined || tableAddress === undefined) return undefined;
  const headers = parseProgramHeaders(table, Math.floor(table.length / headerSize), pointerSize);
  const own = headers.find(({ type }) => type === PT_PHDR);
  const dynamicHeader = headers.find(({ type }) => type === PT_DYNAMIC);
  if (dynamicHeader === undefined || dynamicHeader.memorySize > MAX_DYNAMIC_BYTES) return undefined;
  const bias = own === undefined ? 0n : tableAddress - own.address;
  const dynamicAddress = dynamicHeader.address + bias;
  const dynamic = yield* read(dynamicAddress, Number(dynamicHeader.memorySize));
  const debugAddress = parseDynamic(dynamic, pointerSize).get(DT_DEBUG);
  // Every field of both structures takes the space of an address.
  const size = WORDS * pointerSize;
  const debug = debugAddress ? yield* read(debugAddress, size) : undefined;
  if (debug === undefined || debug.length < size) return undefined;

  const word = (bytes: Uint8Array, index: number) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return pointerSize === 8 ? view.getBigUint64(index * 8, true) : BigInt(view.getUint32(index * 4, true));
  };
  const objects: TargetLinkMap['objects'] = [];
  for (let at = word(debug, 1); at !== 0n && objects.length < MAX_OBJECTS; ) {
    const entry = yield* read(at, size);
    if (entry.length < size) break;
    const nameAddress = word(entry, 1);
    objects.push({
      at,
      address: word(entry, 0),
      nameAddress,
      name: yield* readName(nameAddress, read),
      dynamic: word(entry, 2),
    });
    at = word(entry, 3);
  }
  return {
    version: Number(word(debug, 0) & 0xffff_ffffn),
    breakpoint: word(debug, 2),
    linkerBase: word(debug, 4),
    dynamicAddress,
    dynamic,
    objects,
  };
}

function* readName(address: bigint, read: ReadMemory): Task<string> {
  return address === 0n ? '' : (cString(yield* read(address, MAX_NAME)) ?? '');
}
