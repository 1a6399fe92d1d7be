/** What the kernel and the files say of a live process, put together without any code of mdmp. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { readelfBuildId } from './judges.js';
import { run } from './run.js';
import { requireTool } from './tools.js';

export interface Mapping {
  start: bigint;
  end: bigint;
  protection: string;
  offset: bigint;
  inode: string;
  /** Without the kernel's ` (deleted)`, its \012 for a newline undone. */
  path: string;
}

export function mappingsOf(pid: number): Mapping[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, start, end, protection, offset, inode, path] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ (\d+) *(.*)$/.exec(line)!;
      return {
        start: BigInt(`0x${start}`),
        end: BigInt(`0x${end}`),
        protection: protection!,
        offset: BigInt(`0x${offset}`),
        inode: inode!,
        path: path!.replace(/ \(deleted\)$/, '').replaceAll('\\012', '\n'),
      };
    });
}

export interface ExpectedModule {
  path: string;
  base: bigint;
  end: bigint;
  buildId: string | undefined;
}

/**
 * The ELF files that a process runs, the vDSO left out, ascending: files that are mapped from their beginning and executable in some part. `files`
 * names the file to read in place of one that is no longer at its path.
 */
export async function modulesOf(pid: number, files: Record<string, string> = {}): Promise<ExpectedModule[]> {
  const byFile = new Map<string, Mapping[]>();
  for (const mapping of mappingsOf(pid)) {
    if (mapping.inode === '0') continue;
    byFile.set(mapping.path, [...(byFile.get(mapping.path) ?? []), mapping]);
  }
  const modules: ExpectedModule[] = [];
  for (const [path, mappings] of byFile) {
    const first = mappings.find(({ offset }) => offset === 0n);
    if (!first || !mappings.some(({ protection }) => protection.includes('x'))) continue;
    const file = files[path] ?? path;
    // Not the end of the last mapping: V8 maps a part of its program a second time elsewhere.
    modules.push({
      path,
      base: first.start,
      end: first.start + (await loadedSize(file)),
      buildId: await readelfBuildId(file),
    });
  }
  return modules.sort((a, b) => ascending(a.base, b.base));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** From the lowest to the highest address that the PT_LOAD segments of an ELF file take, the lowest rounded down to its page. */
async function loadedSize(file: string): Promise<bigint> {
  const printed = (await run(requireTool('readelf'), ['-lW', file])).stdout.toString('latin1');
  const loads = [
    ...printed.matchAll(/^ +LOAD +0x[0-9a-f]+ (0x[0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ (0x[0-9a-f]+)/gm),
  ];
  if (loads.length === 0) throw new Error(`readelf sees no LOAD segment in ${file}`);
  const starts = loads.map(([, address]) => BigInt(address!)).sort(ascending);
  const ends = loads.map(([, address, size]) => BigInt(address!) + BigInt(size!)).sort(ascending);
  return ends.at(-1)! - (starts[0]! & ~0xfffn);
}

/** How Breakpad writes a build id as a debug identifier: its first 16 bytes as a GUID, and an age of 0. */
export function debugIdentifier(buildId: string): string {
  const bytes = Buffer.from(buildId.padEnd(32, '0').slice(0, 32), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return `${bytes.toString('hex').toUpperCase()}0`;
}

/** How minidump_stackwalk -m writes a file name: its separators and line ends would break its lines. */
export function walkName(path: string): string {
  return basename(path).replaceAll(/[|\n]/g, '');
}

/** The parts of a mapping whose pages exist (are present or swapped out), in pieces as long as they come. */
export function presentRanges(pid: number, mapping: Mapping): Mapping[] {
  const fd = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const ranges: Mapping[] = [];
    const pages = Number((mapping.end - mapping.start) / 4096n);
    const batch = Buffer.alloc(8 << 16);
    for (let first = 0; first < pages; first += batch.length / 8) {
      const wanted = Math.min(batch.length, (pages - first) * 8);
      const got = readSync(fd, batch, 0, wanted, (Number(mapping.start / 4096n) + first) * 8);
      if (got !== wanted) throw new Error(`pagemap of ${mapping.path}: ${got} of ${wanted} bytes`);
      for (let i = 0; i < got / 8; i++) {
        if (batch.readUInt32LE(i * 8 + 4) >>> 30 === 0) continue;
        const start = mapping.start + BigInt(first + i) * 4096n;
        const last = ranges.at(-1);
        if (last?.end === start) last.end += 4096n;
        else ranges.push({ ...mapping, start, end: start + 4096n });
      }
    }
    return ranges;
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a dump's memory straight from its bytes: the Memory64List, which neither Breakpad nor LLVM 19 show. Written from the
 * documentation of MINIDUMP_MEMORY64_LIST.
 */
export class RawMemory64 {
  readonly ranges: { start: bigint; end: bigint; offset: number }[] = [];
  readonly #fd: number;

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
    const header = this.#bytes(0, 32);
    const streams = header.readUInt32LE(8);
    const directory = this.#bytes(header.readUInt32LE(12), streams * 12);
    for (let i = 0; i < streams; i++) {
      if (directory.readUInt32LE(i * 12) !== 9) continue;
      const list = this.#bytes(directory.readUInt32LE(i * 12 + 8), directory.readUInt32LE(i * 12 + 4));
      let offset = Number(list.readBigUInt64LE(8));
      for (let k = 0; k < Number(list.readBigUInt64LE(0)); k++) {
        const start = list.readBigUInt64LE(16 + k * 16);
        const size = list.readBigUInt64LE(24 + k * 16);
        this.ranges.push({ start, end: start + size, offset });
        offset += Number(size);
      }
    }
  }

  /** Undefined where the dump does not hold all of it in one range. */
  read(address: bigint, length: number): Buffer | undefined {
    const range = this.ranges.find(({ start, end }) => address >= start && address + BigInt(length) <= end);
    return range && this.#bytes(range.offset + Number(address - range.start), length);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #bytes(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const got = readSync(this.#fd, bytes, 0, length, offset);
    if (got !== length)
      throw new Error(`the file ends at ${offset + got}, ${length} bytes wanted from ${offset}`);
    return bytes;
  }
}

/** Offsets in the amd64 CONTEXT, as winnt.h has them; sizes in bytes. */
export const contextRegisters: Record<string, [offset: number, size: 2 | 4 | 8 | 16]> = {
  mxcsr: [0x34, 4],
  cs: [0x38, 2],
  ds: [0x3a, 2],
  es: [0x3c, 2],
  fs: [0x3e, 2],
  gs: [0x40, 2],
  ss: [0x42, 2],
  eflags: [0x44, 4],
  ...Object.fromEntries(
    'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip'
      .split(' ')
      .map((name, i) => [name, [0x78 + 8 * i, 8] as [number, 8]]),
  ),
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`xmm${i}`, [0x1a0 + 16 * i, 16] as [number, 16]]),
  ),
};

export function registerIn(context: Buffer, name: string): bigint {
  const [offset, size] = contextRegisters[name]!;
  return BigInt(
    `0x${Buffer.from(context.subarray(offset, offset + size))
      .reverse()
      .toString('hex')}`,
  );
}

/**
 * Where two readings of memory differ, as `0x… + length`, ranges in `except` left out. A process that stands still differs
 * only there.
 */
export function differences(
  start: bigint,
  a: Buffer,
  b: Buffer,
  except: readonly { start: bigint; end: bigint }[] = [],
): string[] {
  if (a.length !== b.length) return [`0x${start.toString(16)}: ${a.length} and ${b.length} bytes`];
  const end = start + BigInt(a.length);
  for (const range of except) {
    if (range.end <= start || range.start >= end) continue;
    const from = Number((range.start > start ? range.start : start) - start);
    const to = Number((range.end < end ? range.end : end) - start);
    a = Buffer.concat([a.subarray(0, from), b.subarray(from, to), a.subarray(to)]);
  }
  if (a.equals(b)) return [];
  const found: string[] = [];
  for (let i = 0; i < a.length && found.length < 10; i++) {
    if (a[i] === b[i]) continue;
    const from = i;
    while (i < a.length && a[i] !== b[i]) i++;
    found.push(`0x${(start + BigInt(from)).toString(16)} + ${i - from}`);
  }
  return found;
}
