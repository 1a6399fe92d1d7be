import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { MemoryPart } from '../../dump/target.js';
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
import { errno } from '../../node/libc.js';
import { bindProcessVm, type ProcessVm } from './process-vm.js';

const PAGE = 4096n;
const PRESENT = 1n << 63n;
const SWAPPED = 1n << 62n;
/** Entries of pagemap read at once: 1 GiB of address space. */
const PAGEMAP_CHUNK = 256 * 1024;
/** Files of the target kept open at once. */
const MAX_FILES = 64;

const ESRCH = 3;

type PageState = 'present' | 'swapped' | 'absent';

let readv: ProcessVm | undefined;

function processVmReadv(): ProcessVm {
  readv ??= bindProcessVm('process_vm_readv');
  return readv;
}

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
  /** A thread that is alive: the leader may have ended before the others. */
  readonly #via: number;
  readonly #gone: () => MinidumpError;
  readonly #pagemap: number;
  #mem: number | undefined;
  #mappings: readonly Mapping[] = [];
  readonly #files = new Map<string, number | undefined>();
  #hangingDevices: Set<string> | undefined;

  /** @param gone the error for a process that is not there any more */
  constructor(pid: number, via: number, gone: () => MinidumpError = () => targetExited(pid)) {
    this.#pid = pid;
    this.#gone = gone;
    this.#via = via;
    this.#pagemap = openSync(`/proc/${pid}/task/${via}/pagemap`, 'r');
    processVmReadv();
  }

  use(mappings: readonly Mapping[]): void {
    this.#mappings = mappings;
  }

  find(address: bigint): Mapping | undefined {
    return findMapping(this.#mappings, address);
  }

  /** Whether no page of a range exists. */
  isUntouched(start: bigint, end: bigint): boolean {
    let untouched = true;
    this.#walkPages(start, end, (_from, _to, state) => {
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
      else this.#probeMapping(mapping, at, to, add);
      at = to;
    }
    return this.#tryReading(parts);
  }

  #nextMapping(address: bigint): bigint | undefined {
    return this.#mappings[indexAbove(this.#mappings, address)]?.start;
  }

  #probeMapping(mapping: Mapping, start: bigint, end: bigint, add: AddPart): void {
    const absent = this.#absentPages(mapping);
    this.#walkPages(start, end, (from, to, state) => {
      if (state === 'present') add(from, to, 'data');
      else if (state === 'absent') absent(from, to, add);
      else this.#probeSwapped(from, to, add);
    });
  }

  /** A guard page (MADV_GUARD_INSTALL) looks swapped, but nobody can read it: these are tried one by one. */
  #probeSwapped(start: bigint, end: bigint, add: AddPart): void {
    const byte = new Uint8Array(1);
    eachPage(start, end, (from, to) => {
      if (this.#readPresent(from, byte) === 1) add(from, to, 'data');
      else add(from, to, 'hole', GUARDED);
    });
  }

  /** What the pages of a mapping are that pagemap does not show. */
  #absentPages(mapping: Mapping): (from: bigint, to: bigint, add: AddPart) => void {
    if (mapping.inode === 0n && !mapping.shared) return (from, to, add) => add(from, to, 'zero');
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

  /** Runs of pages that are there, swapped out, or do not exist. */
  #walkPages(start: bigint, end: bigint, visit: (from: bigint, to: bigint, state: PageState) => void): void {
    const first = start / PAGE;
    const last = (end + PAGE - 1n) / PAGE;
    const total = Number(last - first);
    const entries = new BigUint64Array(Math.min(total, PAGEMAP_CHUNK));
    let runStart = start;
    let runState: PageState | undefined;
    for (let done = 0; done < total; ) {
      const wanted = Math.min(entries.length, total - done);
      const bytes = new Uint8Array(entries.buffer, 0, wanted * 8);
      const got = readSync(this.#pagemap, bytes, 0, bytes.length, (Number(first) + done) * 8) >> 3;
      // A process that has ended has no pages any more.
      if (got === 0) throw this.#gone();
      for (let i = 0; i < got; i++) {
        const entry = entries[i]!;
        const state = (entry & PRESENT) !== 0n ? 'present' : (entry & SWAPPED) !== 0n ? 'swapped' : 'absent';
        if (state === runState) continue;
        const at = (first + BigInt(done + i)) * PAGE;
        if (runState !== undefined) visit(runStart, at, runState);
        runStart = at < start ? start : at;
        runState = state;
      }
      done += got;
    }
    visit(runStart, end, runState ?? 'absent');
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

  read(address: bigint, into: Uint8Array): number {
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
    this.#walkPages(address, address + BigInt(length), (from, to, state) => {
      if (failed) return;
      const piece = window.subarray(Number(from - address), Number(to - address));
      let got: number;
      if (state !== 'absent') got = this.#readPresent(from, piece);
      else if (mapping.inode === 0n && !mapping.shared) got = piece.fill(0).length;
      else got = this.#readFile(from, piece);
      done += got;
      failed = got < piece.length;
    });
    return done;
  }

  /** Reads pages that exist from the process; /proc/PID/mem also reads where the process itself may not (PROT_NONE). */
  #readPresent(address: bigint, into: Uint8Array): number {
    const remote = new BigUint64Array([address, BigInt(into.length)]);
    const got = Number(processVmReadv()(this.#via, [{ base: into, len: into.length }], 1, remote, 1, 0));
    if (got === into.length) return got;
    if (got < 0 && errno() === ESRCH) throw this.#gone();
    const done = Math.max(0, got);
    return done + this.#readMem(address + BigInt(done), into.subarray(done));
  }

  #readMem(address: bigint, into: Uint8Array): number {
    try {
      this.#mem ??= openSync(`/proc/${this.#pid}/task/${this.#via}/mem`, 'r');
      return readSync(this.#mem, into, 0, into.length, address);
    } catch {
      return 0;
    }
  }

  #readFile(address: bigint, into: Uint8Array): number {
    const mapping = this.find(address);
    if (mapping === undefined || mapping.inode === 0n) return 0;
    const fd = this.#file(mapping);
    if (fd === undefined) return 0;
    const offset = mapping.offset + (address - mapping.start);
    try {
      const got = readSync(fd, into, 0, into.length, offset);
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
    closeSync(this.#pagemap);
    if (this.#mem !== undefined) closeSync(this.#mem);
    this.#mem = undefined;
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
