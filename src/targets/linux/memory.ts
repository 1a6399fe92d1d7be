import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { AddressRange } from '../../dump/ranges.js';
import type { MemoryPart, PlacedRange } from '../../dump/target.js';
import { MinidumpError } from '../../io/index.js';
import type { Mapping } from '../../linux/maps.js';
import {
  type AddPart,
  BEHIND_FILE,
  GUARDED,
  mergingInto,
  NO_FILE,
  NOT_MAPPED,
  OPAQUE,
} from '../../linux/parts.js';
import { isOpaque } from '../../linux/regions.js';
import { findMapping, indexAbove } from '../../linux/stacks.js';
import { readSome } from '../../node/read.js';
import type { CopyRun } from './copying/copier.js';
import { PAGE, PageMap } from './page-map.js';
import { openMemory } from './remote-memory.js';

/** Files of the target kept open at once. */
const MAX_FILES = 64;
/** Pages that are kept. */
const MAX_CACHED = 1024;

/** Memory of a process, by its addresses. */
export interface ReadableMemory extends Disposable {
  /** The mappings that addresses are looked up in, ascending. */
  use(mappings: readonly Mapping[]): void;
  /** The mapping that holds an address. */
  find(address: bigint): Mapping | undefined;
  /** How each part of `[start, end)` can be had; ascending, without gaps, neighbours of one kind merged. */
  probe(start: bigint, end: bigint): MemoryPart[];
  /** Reads memory that `probe` has called data (or zero); gives the number of bytes read from the start of `into`. */
  read(address: bigint, into: Uint8Array): number;
  /** What of these ranges can be copied straight from the process, what must be read here, and nothing of what is zero. */
  sort(ranges: readonly PlacedRange[]): SortedMemory;
}

export interface SortedMemory {
  /** Ascending by position, neighbours as one. */
  runs: CopyRun[];
  left: PlacedRange[];
}

/** Adds a run, as a part of the last one where it continues that. */
export function addRun(runs: CopyRun[], start: bigint, end: bigint, position: number): void {
  const last = runs.at(-1);
  const continues =
    last !== undefined &&
    last.address + last.length === start &&
    last.position + Number(last.length) === position;
  if (continues) last.length += end - start;
  else if (end > start) runs.push({ address: start, position, length: end - start });
}

/**
 * The memory of a process, read without changing the process.
 *
 * A page that does not exist is never touched: reading it would allocate page tables, and with userfaultfd or FUSE behind
 * it could hang for good. Pages that pagemap shows present or swapped are read from the process; file pages that are
 * not there are taken from the file; the rest of anonymous memory is known to be zero.
 */
export class ProcessMemory implements ReadableMemory {
  readonly #pid: number;
  readonly #gone: () => MinidumpError;
  readonly #ours: boolean;
  readonly #pages: PageMap;
  readonly #mem: number;
  #mappings: readonly Mapping[] = [];
  readonly #files = new Map<string, number | undefined>();
  #still = false;
  /** Runs of pages that exist, from the beginnings that they were found by to their ends. */
  readonly #known = new Map<bigint, bigint>();
  readonly #cached = new Map<bigint, Uint8Array>();
  #hangingDevices: Set<string> | undefined;

  /**
   * @param via a thread that is alive: the leader may have ended before the others
   * @param gone the error for a process that is not there any more
   * @param ours it is a copy of ours: whatever reading it does to it is nobody's loss
   */
  constructor(pid: number, via: number, gone: () => MinidumpError = () => targetExited(pid), ours = false) {
    this.#ours = ours;
    this.#pid = pid;
    this.#gone = gone;
    this.#pages = new PageMap(pid, via, gone);
    try {
      this.#mem = openMemory(pid, via);
    } catch (error) {
      this.#pages[Symbol.dispose]();
      throw error;
    }
  }

  use(mappings: readonly Mapping[]): void {
    this.#mappings = mappings;
  }

  find(address: bigint): Mapping | undefined {
    return findMapping(this.#mappings, address);
  }

  /** Bytes of the pages of a range that exist. */
  presentBytes({ start, end }: AddressRange): bigint {
    let sum = 0n;
    this.#pages.walk(start, end, (from, to, state) => {
      if (state === 'present' || state === 'swapped') sum += to - from;
    });
    return sum;
  }

  /** Whether the process is there no more. */
  isGone(): boolean {
    try {
      // Any page will do. Not one that cannot be read: to make an error takes longer than all else that is done while a process waits.
      this.#pages.walk(0n, PAGE, () => {});
      return false;
    } catch {
      return true;
    }
  }

  /** Whether no page of a range exists. */
  isUntouched(start: bigint, end: bigint): boolean {
    let untouched = true;
    this.#pages.walk(start, end, (_from, _to, state) => {
      untouched &&= state === 'absent';
    });
    return untouched;
  }

  probe(start: bigint, end: bigint): MemoryPart[] {
    const parts: MemoryPart[] = [];
    const add = mergingInto(parts);
    let at = start;
    while (at < end) {
      const mapping = this.find(at);
      if (mapping === undefined) {
        const next = this.#nextMapping(at);
        const to = next === undefined || next > end ? end : next;
        add(at, to, 'hole', NOT_MAPPED);
        at = to;
        continue;
      }
      const to = mapping.end < end ? mapping.end : end;
      if (isOpaque(mapping)) add(at, to, 'hole', OPAQUE);
      else
        for (const part of this.#probeMapping(mapping, at, to))
          add(part.start, part.end, part.kind, part.why);
      at = to;
    }
    return parts;
  }

  sort(ranges: readonly PlacedRange[]): SortedMemory {
    const sorted: SortedMemory = { runs: [], left: [] };
    for (const { start, end, position } of ranges) {
      const placeOf = (at: bigint) => position + Number(at - start);
      for (let at = start; at < end; ) {
        const mapping = this.find(at);
        let to = mapping === undefined ? (this.#nextMapping(at) ?? end) : mapping.end;
        if (to > end) to = end;
        if (mapping === undefined || isOpaque(mapping)) {
          sorted.left.push({ start: at, end: to, position: placeOf(at) });
        } else this.#sortPages(mapping, at, to, placeOf, sorted);
        at = to;
      }
    }
    return sorted;
  }

  #sortPages(
    mapping: Mapping,
    start: bigint,
    end: bigint,
    placeOf: (address: bigint) => number,
    { runs, left }: SortedMemory,
  ): void {
    const anonymous = this.#isAnonymous(mapping);
    this.#pages.walk(start, end, (from, to, state) => {
      if (state === 'present' || state === 'swapped') addRun(runs, from, to, placeOf(from));
      else if (!anonymous || state === 'guard') left.push({ start: from, end: to, position: placeOf(from) });
    });
  }

  #nextMapping(address: bigint): bigint | undefined {
    return this.#mappings[indexAbove(this.#mappings, address)]?.start;
  }

  #probeMapping(mapping: Mapping, start: bigint, end: bigint): MemoryPart[] {
    const parts: MemoryPart[] = [];
    const add = mergingInto(parts);
    const absent = this.#absentPages(mapping);
    this.#pages.walk(start, end, (from, to, state) => {
      if (this.#still && state === 'present') this.#known.set(from, to);
      if (state === 'present' || state === 'zero') add(from, to, 'data');
      else if (state === 'guard') add(from, to, 'hole', GUARDED);
      else if (state === 'swapped' && !this.#pages.tellsGuards) this.#probeSwapped(from, to, add);
      else if (state === 'swapped') add(from, to, 'data');
      else absent(from, to, add);
    });
    const sure = this.trusting || (this.#isAnonymous(mapping) && this.#pages.tellsGuards);
    if (!sure) return this.#tryReading(parts);
    return parts;
  }

  /** On kernels that do not tell of it a guard page (MADV_GUARD_INSTALL) looks swapped, but nobody can read it: so one by one. */
  #probeSwapped(start: bigint, end: bigint, add: AddPart): void {
    const byte = new Uint8Array(1);
    eachPage(start, end, (from, to) => {
      if (this.#readPresent(from, byte) === 1) add(from, to, 'data');
      else add(from, to, 'hole', GUARDED);
    });
  }

  /**
   * Whether memory is zero where no page exists. What is the kernel's ([vdso]) is not, but only a copy of a process lacks pages of it that it
   * has used: a fork leaves out what can be had again.
   */
  #isAnonymous({ inode, shared, path }: Mapping): boolean {
    return inode === 0n && !shared && !(this.#ours && path.startsWith('[v'));
  }

  /** Whether pages that do not exist may be read all the same: a frozen copy is ours, and nobody sees it get them. */
  #mayFault({ device, inode }: Mapping): boolean {
    return this.#ours && (inode === 0n || !this.#mayHang(device));
  }

  /** What the pages of a mapping are that pagemap does not show. */
  #absentPages(mapping: Mapping): (from: bigint, to: bigint, add: AddPart) => void {
    if (this.#isAnonymous(mapping)) return (from, to, add) => add(from, to, 'zero');
    if (this.#mayFault(mapping)) return (from, to, add) => add(from, to, 'data');
    let fileEnd: bigint | undefined;
    let why = BEHIND_FILE;
    return (from, to, add) => {
      if (fileEnd === undefined) {
        const fd = this.#file(mapping);
        if (fd === undefined) why = NO_FILE;
        fileEnd = mapping.start + (fd === undefined ? 0n : mappedSize(fd, mapping.offset));
      }
      const cut = fileEnd < from ? from : fileEnd > to ? to : fileEnd;
      add(from, cut, 'data');
      add(cut, to, 'hole', why);
    };
  }

  /**
   * Tries the first byte of each run of data: secret memory (memfd_secret), guard pages and the like are shown by pagemap, yet
   * nobody can read them. A run that fails is looked at page by page.
   */
  #tryReading(parts: MemoryPart[]): MemoryPart[] {
    const result: MemoryPart[] = [];
    const byte = new Uint8Array(1);
    // By way of pagemap: a page of a file that is not there must not be faulted in.
    const readable = (address: bigint) => this.#readPages(address, byte) === 1;
    const add = mergingInto(result);
    for (const part of parts) {
      if (part.kind !== 'data') {
        add(part.start, part.end, part.kind, part.why);
        continue;
      }
      // Both ends: a guard lies at an end of the memory that it guards.
      if (readable(part.start) && readable(part.end - 1n)) {
        add(part.start, part.end, 'data');
        continue;
      }
      eachPage(part.start, part.end, (from, to) => {
        if (readable(from)) add(from, to, 'data');
        else add(from, to, 'hole', GUARDED);
      });
    }
    return result;
  }

  /** Whether the process stands still from now on: then what was found out, and what was read, need not be asked for again. */
  set still(still: boolean) {
    this.#still = still;
    this.#known.clear();
    this.#cached.clear();
  }

  /** What pagemap shows is not tried: it is read at once, and that tells. */
  trusting = false;
  /** Takes the pages of small reads, as long as it is set: those of lists that are followed. */
  recorded: Set<bigint> | undefined;

  read(address: bigint, into: Uint8Array): number {
    if (this.recorded !== undefined && into.length <= Number(PAGE)) {
      for (let page = address & ~(PAGE - 1n); page < address + BigInt(into.length); page += PAGE)
        this.recorded.add(page);
    }
    if (this.#still) {
      const known = this.#known.get(address);
      if (known !== undefined && known - address >= into.length) {
        const got = this.#readPresent(address, into);
        if (got === into.length) return got;
      } else if (into.length <= Number(PAGE)) return this.#readCached(address, into);
    }
    return this.#readAll(address, into);
  }

  /** Small reads are many, and close together: lists of the dynamic linker, thread blocks. */
  #readCached(address: bigint, into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const at = address + BigInt(done);
      const page = at & ~(PAGE - 1n);
      let bytes = this.#cached.get(page);
      if (bytes === undefined) {
        const whole = new Uint8Array(Number(PAGE));
        bytes = whole.subarray(0, this.#readAll(page, whole));
        if (this.#cached.size < MAX_CACHED) this.#cached.set(page, bytes);
      }
      const from = Number(at - page);
      const piece = bytes.subarray(from, from + into.length - done);
      if (piece.length === 0) break;
      into.set(piece, done);
      done += piece.length;
    }
    return done;
  }

  #readAll(address: bigint, into: Uint8Array): number {
    let done = this.#readPages(address, into);
    while (done < into.length) {
      const more = this.#readPages(address + BigInt(done), into.subarray(done));
      if (more === 0) break;
      done += more;
    }
    return done;
  }

  /** Reads one run of pages that are had the same way. */
  #readPages(address: bigint, into: Uint8Array): number {
    const mapping = this.find(address);
    if (mapping === undefined || isOpaque(mapping)) return 0;
    const left = mapping.end - address;
    const length = left < BigInt(into.length) ? Number(left) : into.length;
    const window = into.subarray(0, length);
    let done = 0;
    let failed = false;
    const anonymous = this.#isAnonymous(mapping);
    this.#pages.walk(address, address + BigInt(length), (from, to, state) => {
      if (failed) return;
      const piece = window.subarray(Number(from - address), Number(to - address));
      let got: number;
      if (anonymous && (state === 'absent' || state === 'zero')) got = piece.fill(0).length;
      else if (state !== 'absent' || this.#mayFault(mapping)) got = this.#readPresent(from, piece);
      else got = this.#readFile(from, piece);
      done += got;
      failed = got < piece.length;
    });
    return done;
  }

  /** Reads pages that exist from the process, also where the process itself may not (PROT_NONE). */
  #readPresent(address: bigint, into: Uint8Array): number {
    let done = 0;
    try {
      while (done < into.length) {
        const got = readSome(this.#mem, into, done, into.length - done, address + BigInt(done));
        // Only of a process that has ended nothing at all can be read, and yet no error.
        if (got === 0) throw this.#gone();
        done += got;
      }
    } catch (error) {
      if (error instanceof MinidumpError) throw error;
    }
    return done;
  }

  #readFile(address: bigint, into: Uint8Array): number {
    const mapping = this.find(address);
    if (mapping === undefined || mapping.inode === 0n) return 0;
    const fd = this.#file(mapping);
    if (fd === undefined) return 0;
    const offset = mapping.offset + (address - mapping.start);
    try {
      const got = readSome(fd, into, 0, into.length, offset);
      // Behind the end of a file its last page is filled with zeros.
      const mapped = mappedSize(fd, offset);
      const zeros = mapped < BigInt(into.length) ? Number(mapped) : into.length;
      into.fill(0, got, Math.max(got, zeros));
      return Math.max(got, zeros);
    } catch {
      return 0;
    }
  }

  /**
   * The file behind a mapping, open for reading: through map_files, which also finds deleted files (for root), else
   * by its path as the process sees it, if that is still the same file. Never one on FUSE: it may hang beyond any kill.
   */
  #file(mapping: Mapping): number | undefined {
    const key = `${mapping.device}:${mapping.inode}`;
    if (this.#files.has(key)) return this.#files.get(key);
    if (this.#files.size >= MAX_FILES) this.#closeFiles();
    const fd = this.#mayHang(mapping.device) ? undefined : this.#openFile(mapping);
    this.#files.set(key, fd);
    return fd;
  }

  #openFile(mapping: Mapping): number | undefined {
    const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
    const paths = [`/proc/${this.#pid}/map_files/${range}`];
    if (!mapping.deleted && mapping.path.startsWith('/'))
      paths.push(`/proc/${this.#pid}/root${mapping.path}`);
    for (const [i, path] of paths.entries()) {
      try {
        const fd = openSync(path, 'r');
        const stat = fstatSync(fd, { bigint: true });
        if (stat.isFile() && (i === 0 || stat.ino === mapping.inode)) return fd;
        closeSync(fd);
      } catch {
        // Not allowed, or gone: the next way, or none.
      }
    }
    return undefined;
  }

  #mayHang(device: string): boolean {
    this.#hangingDevices ??= fuseDevices(this.#pid);
    return this.#hangingDevices.has(device);
  }

  #closeFiles(): void {
    for (const fd of this.#files.values()) if (fd !== undefined) closeSync(fd);
    this.#files.clear();
  }

  [Symbol.dispose](): void {
    this.#closeFiles();
    this.#pages[Symbol.dispose]();
    closeSync(this.#mem);
  }
}

function eachPage(start: bigint, end: bigint, visit: (from: bigint, to: bigint) => void): void {
  for (let at = start; at < end; ) {
    const next = (at & ~(PAGE - 1n)) + PAGE;
    const to = next < end ? next : end;
    visit(at, to);
    at = to;
  }
}

/** How much of a file a mapping can show from an offset on: its last page is mapped as a whole; behind it is SIGBUS. */
function mappedSize(fd: number, offset: bigint): bigint {
  const { size } = fstatSync(fd, { bigint: true });
  const mapped = ((size + PAGE - 1n) & ~(PAGE - 1n)) - offset;
  return mapped > 0n ? mapped : 0n;
}

/** Devices of file systems served by a program, as maps prints them (hexadecimal `major:minor`). */
function fuseDevices(pid: number): Set<string> {
  const devices = new Set<string>();
  try {
    for (const line of readFileSync(`/proc/${pid}/mountinfo`, 'latin1').split('\n')) {
      const [head, tail] = line.split(' - ');
      if (tail === undefined || !/^(fuse|9p|nfs)/.test(tail)) continue;
      const [major, minor] = head!.split(' ')[2]!.split(':').map(Number) as [number, number];
      const hex = (n: number) => n.toString(16).padStart(2, '0');
      devices.add(`${hex(major)}:${hex(minor)}`);
    }
  } catch {
    // Without mountinfo every file is taken for a local one.
  }
  return devices;
}

export function targetExited(pid: number): MinidumpError {
  return new MinidumpError('target-exited', `process ${pid} ended during the dump`);
}
