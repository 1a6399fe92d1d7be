import { readRange, type Source, type Task } from '../io/index.js';
import type { Problems } from './problems.js';
import { REGISTER_COUNT } from './registers.js';
import { SIGINFO_SIZE } from './siginfo.js';

/** A thread as the notes of an x86-64 core tell of it. */
export interface CoreThread {
  id: number;
  /** pr_cursig: the signal that it had; in a kernel's core that of the crash, for all threads. */
  signal: number;
  /** user_regs_struct */
  registers: BigUint64Array;
  /** FXSAVE, from NT_FPREGSET, or the beginning of NT_X86_XSTATE. */
  fxsave: Uint8Array | undefined;
  /** NT_X86_XSTATE: the XSAVE area in its standard format. */
  xstate: Uint8Array | undefined;
  /** siginfo_t. The kernel writes it once, beside the thread that crashed; gdb beside each. */
  siginfo: Uint8Array | undefined;
  /** In microseconds. The kernel gives the time of the whole process for its first thread. */
  userTime: bigint;
  kernelTime: bigint;
}

/** NT_PRPSINFO */
export interface CoreProcess {
  pid: number;
  /** The kernel: the name of the main thread. gdb: the name of the program's file. At most 15 bytes. */
  name: string;
  /** The command line with spaces for its NULs, cut at 79 bytes. */
  arguments: Uint8Array;
}

/** A line of NT_FILE: a mapped file. */
export interface CoreFileMapping {
  start: bigint;
  end: bigint;
  /** In bytes. */
  offset: bigint;
  path: string;
}

export interface CoreNotes {
  /** In the order of the core: the one that crashed comes first. */
  threads: CoreThread[];
  process: CoreProcess | undefined;
  /** NT_AUXV; empty if there is none. */
  auxv: Uint8Array;
  files: CoreFileMapping[];
  /** The process itself had stopped to be looked at (gcore), rather than crashed: gdb wrote this core. */
  byDebugger: boolean;
  /** What is wrong with the core. */
  problems: Problems;
}

const NT_PRSTATUS = 1;
const NT_FPREGSET = 2;
const NT_PRPSINFO = 3;
const NT_AUXV = 6;
const NT_X86_XSTATE = 0x202;
const NT_SIGINFO = 0x53494749;
const NT_FILE = 0x46494c45;

/** struct elf_prstatus of x86-64 (linux/elfcore.h). */
const PRSTATUS_SIZE = 336;
const PR_CURSIG = 12;
const PR_PID = 32;
const PR_UTIME = 48;
const PR_STIME = 64;
const PR_REG = 112;
/** struct elf_prpsinfo of x86-64. */
const PRPSINFO_SIZE = 136;
const PSINFO_PID = 24;
const PSINFO_NAME = 40;
const PSINFO_NAME_SIZE = 16;
const PSINFO_ARGUMENTS = 56;
const FXSAVE_SIZE = 512;

/** Largest description that is taken, by type. The kernel's own limit for NT_FILE is 16 MiB (core_file_note_size_limit). */
const LIMITS: ReadonlyMap<number, number> = new Map([
  [NT_PRSTATUS, 64 * 1024],
  [NT_FPREGSET, 64 * 1024],
  [NT_PRPSINFO, 64 * 1024],
  [NT_AUXV, 64 * 1024],
  [NT_X86_XSTATE, 64 * 1024],
  [NT_SIGINFO, 64 * 1024],
  [NT_FILE, 64 * 1024 * 1024],
]);
const MAX_NAME = 64;
/** Of processes and their threads Linux has 2^22 at most. */
const MAX_THREADS = 1 << 22;
const WINDOW = 1024 * 1024;

/** Reads the notes of a core that lie in `[start, end)` of it; what is there of them. */
export function* readCoreNotes(source: Source, start: number, end: number, into: CoreNotes): Task<void> {
  const window = new Window(source, end);
  const seen = new Set(into.threads.map(({ id }) => id));
  let thread: CoreThread | undefined;
  let at = start;
  while (at + 12 <= end) {
    const head = view(yield* window.bytes(at, 12));
    const nameSize = head.getUint32(0, true);
    const size = head.getUint32(4, true);
    const type = head.getUint32(8, true);
    const name = at + 12;
    const description = name + padded(nameSize);
    const next = description + padded(size);
    if (description + size > end) {
      into.problems.add(`the notes end in the middle of one (type ${type}, ${size} bytes)`);
      return;
    }
    at = next;
    if (nameSize > MAX_NAME) continue;
    const owner = text(yield* window.bytes(name, nameSize));
    if (owner === 'GDB') into.byDebugger = true;
    const limit = LIMITS.get(type);
    if (limit === undefined || (owner !== 'CORE' && owner !== 'LINUX')) continue;
    if (size > limit) {
      into.problems.add(`a note of type ${type} claims ${size} bytes and was left out`);
      continue;
    }
    const bytes = yield* window.bytes(description, size);
    if (type === NT_PRSTATUS) {
      if (size < PRSTATUS_SIZE) {
        into.problems.add(`a PRSTATUS of ${size} bytes was left out; x86-64 has ${PRSTATUS_SIZE}`);
        thread = undefined;
        continue;
      }
      thread = parseStatus(bytes);
      // A second thread of that id is no thread: what follows belongs to nobody.
      if (seen.has(thread.id)) {
        into.problems.add(`thread ${thread.id} is there twice; the first one counts`);
      } else if (into.threads.length >= MAX_THREADS) {
        into.problems.add(`more than ${MAX_THREADS} threads; the rest was left out`);
        return;
      } else {
        seen.add(thread.id);
        into.threads.push(thread);
      }
    } else if (type === NT_PRPSINFO && size >= PRPSINFO_SIZE) into.process ??= parseProcess(bytes);
    else if (type === NT_AUXV && into.auxv.length === 0) into.auxv = bytes.slice();
    else if (type === NT_FILE && into.files.length === 0) parseFiles(bytes, into);
    else if (thread === undefined) continue;
    else if (type === NT_FPREGSET && size >= FXSAVE_SIZE) thread.fxsave = bytes.slice(0, FXSAVE_SIZE);
    else if (type === NT_SIGINFO && size >= SIGINFO_SIZE) thread.siginfo ??= bytes.slice(0, SIGINFO_SIZE);
    else if (type === NT_X86_XSTATE && size >= FXSAVE_SIZE) {
      thread.xstate = bytes.slice();
      thread.fxsave ??= thread.xstate.subarray(0, FXSAVE_SIZE);
    }
  }
}

export function noCoreNotes(problems: Problems): CoreNotes {
  return {
    threads: [],
    process: undefined,
    auxv: new Uint8Array(),
    files: [],
    byDebugger: false,
    problems,
  };
}

function parseStatus(bytes: Uint8Array): CoreThread {
  const fields = view(bytes);
  const registers = new BigUint64Array(REGISTER_COUNT);
  for (let i = 0; i < REGISTER_COUNT; i++) registers[i] = fields.getBigUint64(PR_REG + i * 8, true);
  const time = (offset: number) =>
    fields.getBigInt64(offset, true) * 1_000_000n + fields.getBigInt64(offset + 8, true);
  return {
    id: fields.getUint32(PR_PID, true),
    signal: fields.getInt16(PR_CURSIG, true),
    registers,
    fxsave: undefined,
    xstate: undefined,
    siginfo: undefined,
    userTime: time(PR_UTIME),
    kernelTime: time(PR_STIME),
  };
}

function parseProcess(bytes: Uint8Array): CoreProcess {
  const fields = bytes.subarray(PSINFO_ARGUMENTS, PRPSINFO_SIZE);
  const end = fields.indexOf(0);
  return {
    pid: view(bytes).getUint32(PSINFO_PID, true),
    name: text(bytes.subarray(PSINFO_NAME, PSINFO_NAME + PSINFO_NAME_SIZE)),
    arguments: fields.slice(0, end < 0 ? undefined : end),
  };
}

/** Count, page size, three words a mapping, and their names. The kernel counts offsets in pages; gdb in bytes, and says so by a page size of 1. */
function parseFiles(bytes: Uint8Array, into: CoreNotes): void {
  if (bytes.length < 16) return;
  const fields = view(bytes);
  const count = fields.getBigUint64(0, true);
  const unit = fields.getBigUint64(8, true);
  if (count > BigInt(Math.floor((bytes.length - 16) / 24)) || unit > 1n << 30n) {
    into.problems.add(`the list of mapped files claims ${count} entries and was left out`);
    return;
  }
  if (unit === 1n) into.byDebugger = true;
  let name = 16 + Number(count) * 24;
  for (let i = 0; i < Number(count); i++) {
    const end = bytes.indexOf(0, name);
    if (end < 0) {
      into.problems.add(`the list of mapped files breaks off after ${i} of ${count} names`);
      return;
    }
    const o = 16 + i * 24;
    into.files.push({
      start: fields.getBigUint64(o, true),
      end: fields.getBigUint64(o + 8, true),
      offset: fields.getBigUint64(o + 16, true) * unit,
      path: path(bytes.subarray(name, end), into.byDebugger),
    });
    name = end + 1;
  }
}

/** gdb copies what /proc/PID/maps prints, where a newline is `\\012`; the kernel writes the path itself. */
function path(bytes: Uint8Array, printed: boolean): string {
  const decoded = new TextDecoder().decode(bytes);
  return printed ? decoded.replaceAll('\\012', '\n') : decoded;
}

/** A part of the source that is kept, as notes are many and small. */
class Window {
  readonly #source: Source;
  readonly #end: number;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(source: Source, end: number) {
    this.#source = source;
    this.#end = end;
  }

  *bytes(at: number, length: number): Task<Uint8Array> {
    if (at < this.#start || at + length > this.#start + this.#bytes.length) {
      const wanted = Math.min(Math.max(length, WINDOW), this.#end - at);
      this.#bytes = yield* readRange(this.#source, at, wanted, 'notes of the core');
      this.#start = at;
    }
    return this.#bytes.subarray(at - this.#start, at - this.#start + length);
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The text before the first NUL, or all of it. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}
