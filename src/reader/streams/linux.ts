import {
  type AuxiliaryValue,
  type DsoDebug,
  decodeAuxv,
  decodeDsoDebug,
  decodeLinkMaps,
  type LinkMap,
  linkMapSize,
  malformed,
} from '../../format/index.js';
import type { MinidumpError } from '../../io/index.js';
import { partOr, readPart, readStrings, utf8 } from '../parts.js';
import type { Decoder } from './decoder.js';
import { pointerSizeOf } from './system-info.js';

/** A line of /proc/PID/maps. */
export interface LinuxMapping {
  start: bigint;
  /** The address behind the last byte. */
  end: bigint;
  /** `r-xp`: read, write, execute, and p for private or s for shared */
  permissions: string;
  /** Of `start` in the file, in bytes */
  offset: bigint;
  /** `fd:01`: major and minor number */
  device: string;
  inode: bigint;
  /** A file, `[stack]` and the like, or nothing. The kernel writes a line break in it as `\012`. */
  path: string;
}

const mapping =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-][ps]) ([0-9a-f]{1,16}) ([0-9a-f]+:[0-9a-f]+) (\d{1,20})(?: +(.*))?$/i;

export function decodeMaps(bytes: Uint8Array): LinuxMapping[] {
  const mappings: LinuxMapping[] = [];
  for (const line of utf8(bytes).split('\n')) {
    // Breakpad's and minidump-writer's copies may end with a NUL.
    if (line === '' || line === '\0') continue;
    const fields = mapping.exec(line);
    const [, start, end, permissions, offset, device, inode, path] = fields ?? [];
    if (!fields || BigInt(`0x${start}`) > BigInt(`0x${end}`)) {
      throw malformed('LinuxMaps', 'lines of /proc/PID/maps', JSON.stringify(line.slice(0, 80)));
    }
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      permissions: permissions!,
      offset: BigInt(`0x${offset}`),
      device: device!,
      inode: BigInt(inode!),
      path: path ?? '',
    });
  }
  return mappings;
}

export const readAuxv: Decoder<AuxiliaryValue[]> = function* (dump, bytes) {
  return decodeAuxv(bytes, pointerSizeOf(yield* dump.systemTask()), dump.littleEndian);
};

/** A `link_map` of the dynamic linker, with its name. */
export interface LinkedObject extends Omit<LinkMap, 'name'> {
  name: string | undefined;
}

export interface LinuxDsoDebug extends DsoDebug {
  objects: LinkedObject[];
  problems: MinidumpError[];
}

/** A process with a hundred thousand libraries has other problems. */
const MOST_OBJECTS = 100_000;

export const readDsoDebug: Decoder<LinuxDsoDebug> = function* (dump, bytes) {
  const pointerSize = pointerSizeOf(yield* dump.systemTask());
  const debug = decodeDsoDebug(bytes, pointerSize, dump.littleEndian);
  const size = linkMapSize(pointerSize);
  const maps = yield* readPart(
    dump,
    'link map',
    { rva: debug.map, size: debug.dso_count * size },
    MOST_OBJECTS * size,
  );
  const list = decodeLinkMaps(maps, debug.dso_count, pointerSize, dump.littleEndian);
  const names = yield* readStrings(
    dump,
    'name of a linked object',
    list.map(({ name }) => name),
  );
  const problems: MinidumpError[] = [];
  return {
    ...debug,
    objects: list.map((map, i) => ({ ...map, name: partOr(names[i]!, problems) })),
    problems,
  };
};
