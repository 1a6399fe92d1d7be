import { closeSync, openSync } from 'node:fs';
import { errno, libc, loadKoffi } from '../../node/libc.js';
import { readSome } from '../../node/read.js';

export const PAGE = 4096n;

/** `zero`: a page of zeros that the kernel lends (it was read, never written). `guard`: nobody may read it. */
export type PageState = 'present' | 'swapped' | 'zero' | 'guard' | 'absent';
export type VisitPages = (from: bigint, to: bigint, state: PageState) => void;

/** Bits of an entry of /proc/PID/pagemap, in its upper 32 bits. */
const PRESENT = 0x8000_0000;
const SWAPPED = 0x4000_0000;
/** Entries that are read at once: 1 GiB of address space. */
const CHUNK = 256 * 1024;

/** _IOWR('f', 16, struct pm_scan_arg) of linux/fs.h: 96 bytes; from Linux 6.7 on. */
const PAGEMAP_SCAN = 0xc060_6610;
const ARGUMENT_WORDS = 12;
const Argument = {
  Size: 0,
  Start: 2,
  End: 3,
  WalkEnd: 4,
  Vector: 5,
  VectorLength: 6,
  AnyOf: 10,
  Return: 11,
} as const;
const Category = { Present: 1n << 3n, Swapped: 1n << 4n, Zero: 1n << 5n, Guard: 1n << 8n } as const;
const EXISTS = Category.Present | Category.Swapped;
/** struct page_region: start, end, categories. */
const REGION_WORDS = 3;
const REGIONS = 4096;
const EINVAL = 22;

/**
 * Which pages of a process exist, by /proc/PID/pagemap: by the ioctl PAGEMAP_SCAN where the kernel has it, which goes over what
 * is not there without a word for each page.
 */
export class PageMap implements Disposable {
  readonly #fd: number;
  readonly #gone: () => Error;
  readonly #ioctl = libc('int ioctl(int fd, unsigned long request, void *argument)');
  readonly #argument = new BigUint64Array(ARGUMENT_WORDS);
  #regions: BigUint64Array | undefined;
  /** What is asked of each region; undefined where the kernel has no such call. */
  #wanted: bigint | undefined = EXISTS | Category.Zero | Category.Guard;

  /** @param gone the error for a process that is not there any more */
  constructor(pid: number, via: number, gone: () => Error) {
    this.#fd = openSync(`/proc/${pid}/task/${via}/pagemap`, 'r');
    this.#gone = gone;
  }

  /** Whether the kernel tells of guards; else they look swapped. Known after the first walk. */
  get tellsGuards(): boolean {
    return this.#wanted !== undefined && (this.#wanted & Category.Guard) !== 0n;
  }

  /** Visits the runs of pages of one state in `[start, end)`, ascending, without gaps; the first and the last may be cut. */
  walk(start: bigint, end: bigint, visit: VisitPages): void {
    if (start >= end) return;
    let from = start;
    let state: PageState | undefined;
    const add: VisitPages = (at, _to, next) => {
      if (next === state) return;
      if (state !== undefined) visit(from, at, state);
      if (at > from) from = at;
      state = next;
    };
    if (this.#wanted === undefined || !this.#scan(start, end, add)) this.#read(start, end, add);
    visit(from, end, state ?? 'absent');
  }

  /** Gives false if the kernel cannot do that. */
  #scan(start: bigint, end: bigint, add: VisitPages): boolean {
    const argument = this.#argument;
    this.#regions ??= new BigUint64Array(REGIONS * REGION_WORDS);
    const regions = this.#regions;
    const last = (end + PAGE - 1n) & ~(PAGE - 1n);
    for (let at = start & ~(PAGE - 1n); at < last; at = argument[Argument.WalkEnd]!) {
      argument.fill(0n);
      argument[Argument.Size] = BigInt(argument.byteLength);
      argument[Argument.Start] = at;
      argument[Argument.End] = last;
      argument[Argument.Vector] = loadKoffi().address(regions);
      argument[Argument.VectorLength] = BigInt(REGIONS);
      argument[Argument.AnyOf] = EXISTS;
      argument[Argument.Return] = this.#wanted!;
      const count = this.#ioctl(this.#fd, PAGEMAP_SCAN, argument) as number;
      if (count < 0) {
        // Guards are told of from Linux 6.15 on.
        if (errno() === EINVAL && (this.#wanted! & Category.Guard) !== 0n) {
          this.#wanted! &= ~Category.Guard;
          argument[Argument.WalkEnd] = at;
          continue;
        }
        // Of a process that has ended nothing can be asked; the other way finds that out.
        this.#wanted = undefined;
        return false;
      }
      let next = at;
      for (let i = 0; i < count; i++) {
        const from = regions[i * REGION_WORDS]!;
        if (from > next) add(next, from, 'absent');
        next = regions[i * REGION_WORDS + 1]!;
        add(from, next, stateOf(regions[i * REGION_WORDS + 2]!));
      }
      if (argument[Argument.WalkEnd]! > next) add(next, argument[Argument.WalkEnd]!, 'absent');
      // It must go on, whatever the kernel says.
      if (argument[Argument.WalkEnd]! <= at) return false;
    }
    return true;
  }

  /** A word for each page. */
  #read(start: bigint, end: bigint, add: VisitPages): void {
    const first = Number(start / PAGE);
    const total = Number((end + PAGE - 1n) / PAGE) - first;
    const entries = new Uint32Array(Math.min(total, CHUNK) * 2);
    for (let done = 0; done < total; ) {
      const bytes = new Uint8Array(entries.buffer, 0, Math.min(entries.length >> 1, total - done) * 8);
      const got = readSome(this.#fd, bytes, 0, bytes.length, (first + done) * 8) >> 3;
      // A process that has ended has no pages any more.
      if (got === 0) throw this.#gone();
      let before: PageState | undefined;
      for (let i = 0; i < got; i++) {
        const entry = entries[i * 2 + 1]!;
        const state = (entry & PRESENT) !== 0 ? 'present' : (entry & SWAPPED) !== 0 ? 'swapped' : 'absent';
        if (state === before) continue;
        const at = BigInt(first + done + i) * PAGE;
        add(at, at + PAGE, state);
        before = state;
      }
      done += got;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function stateOf(categories: bigint): PageState {
  if ((categories & Category.Guard) !== 0n) return 'guard';
  if ((categories & Category.Zero) !== 0n) return 'zero';
  return (categories & Category.Present) !== 0n ? 'present' : 'swapped';
}
