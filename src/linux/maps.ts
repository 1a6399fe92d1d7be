/** One line of /proc/PID/maps. */
export interface Mapping {
  start: bigint;
  end: bigint;
  readable: boolean;
  writable: boolean;
  executable: boolean;
  shared: boolean;
  /** Offset in the file. */
  offset: bigint;
  /** Device as `major:minor`, in hexadecimal as the kernel prints it. */
  device: string;
  /** 0 for memory without a file. */
  inode: bigint;
  /** Path as the process sees it, without the kernel's ` (deleted)`; `[stack]` and the like; empty for none. */
  path: string;
  deleted: boolean;
}

/** Of 64 bits at most: the text may come out of a dump, and to read longer numbers takes the square of their length. */
const MAPS_LINE =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) (.)(.)(.)(.) ([0-9a-f]{1,16}) ([0-9a-f]{1,8}:[0-9a-f]{1,8}) (\d{1,20})(?!\d) *(.*)$/;
const DELETED = ' (deleted)';

/** Parses /proc/PID/maps. The kernel writes a newline in a path as `\012` and leaves every other byte alone. */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split('\n')) {
    const parts = MAPS_LINE.exec(line);
    if (parts === null) continue;
    const inode = BigInt(parts[9]!);
    let path = parts[10]!.replaceAll('\\012', '\n');
    const deleted = inode !== 0n && path.endsWith(DELETED);
    if (deleted) path = path.slice(0, -DELETED.length);
    mappings.push({
      start: BigInt(`0x${parts[1]}`),
      end: BigInt(`0x${parts[2]}`),
      readable: parts[3] === 'r',
      writable: parts[4] === 'w',
      executable: parts[5] === 'x',
      shared: parts[6] === 's',
      offset: BigInt(`0x${parts[7]}`),
      device: parts[8]!,
      inode,
      path,
      deleted,
    });
  }
  return mappings;
}

/** The text that `parseMaps` reads; a mapping without a path ends after its inode, as the kernel prints it. */
export function printMaps(mappings: readonly Mapping[]): string {
  return mappings
    .map((mapping) => {
      const rights = [
        mapping.readable ? 'r' : '-',
        mapping.writable ? 'w' : '-',
        mapping.executable ? 'x' : '-',
        mapping.shared ? 's' : 'p',
      ].join('');
      const offset = mapping.offset.toString(16).padStart(8, '0');
      const line = `${hex(mapping.start)}-${hex(mapping.end)} ${rights} ${offset} ${mapping.device} ${mapping.inode} `;
      const path = mapping.path.replaceAll('\n', '\\012') + (mapping.deleted ? DELETED : '');
      return `${path === '' ? line : line.padEnd(PATH_COLUMN) + path}\n`;
    })
    .join('');
}

/** Where the kernel puts the path, unless the line is longer already. */
const PATH_COLUMN = 73;

function hex(address: bigint): string {
  return address.toString(16).padStart(8, '0');
}

/** Takes the kernel's mark of a file that is gone off its path. */
export function withoutDeleted(path: string): { path: string; deleted: boolean } {
  return path.endsWith(DELETED)
    ? { path: path.slice(0, -DELETED.length), deleted: true }
    : { path, deleted: false };
}
