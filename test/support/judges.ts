/**
 * What other people's tools say about a dump: Breakpad's minidump_dump and minidump_stackwalk, LLDB, LLVM's obj2yaml; and
 * what gdb says about the live process. Each is run with a time limit, and what it prints is parsed into values.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunResult, run } from './run.js';
import { requireTool, root } from './tools.js';

export type Registers = Record<string, bigint>;

// ---------------------------------------------------------------------------------------------------------------------
// Breakpad: minidump_dump

export interface DumpedModule {
  base: bigint;
  size: bigint;
  codeFile: string;
  codeIdentifier: string;
  debugFile: string;
  debugIdentifier: string;
  /** Undefined where there is no ELF CodeView record. */
  buildId: string | undefined;
  version: string;
}

export interface DumpedThread {
  id: number;
  stackStart: bigint;
  stackSize: number;
  stackRva: number;
  /** Undefined where the tool printed no stack. */
  stack: Buffer | undefined;
  suspendCount: number;
  priority: number;
  teb: bigint;
  registers: Registers;
}

export interface DumpedRegion {
  start: bigint;
  size: number;
  bytes: Buffer | undefined;
}

export interface MinidumpDump {
  /** Number and name of each stream, in the order of the directory. */
  streams: { type: number; name: string }[];
  threads: DumpedThread[];
  /** From the thread name stream. */
  threadNames: Map<number, string>;
  modules: DumpedModule[];
  /** The MemoryList; the tool does not read Memory64List. */
  memory: DumpedRegion[];
  memoryInfo: { base: bigint; size: bigint; protection: number; state: number; type: number }[];
  exception: { threadId: number; code: number; address: bigint; registers: Registers } | undefined;
  systemInfo: Record<string, string>;
  miscInfo: Record<string, string> | undefined;
  /** The Linux texts by stream name, with `\0` as the tool writes it. */
  texts: Map<string, string>;
  /** Every ERROR and CRITICAL line that is not about a stream absent from the dump. */
  complaints: string[];
  /** ERROR lines that only say that an optional stream is absent. The tool exits with 1 whenever there is one. */
  absent: string[];
  status: number | null;
  stdout: string;
}

/**
 * Streams whose absence minidump_dump calls an error though a dump may do without them. Its getters, the number of
 * the stream that each wants, and what may stand in for it.
 */
const optionalStreams: Record<string, number[]> = {
  GetThreadNameList: [24],
  GetUnloadedModuleList: [14],
  GetMiscInfo: [15],
  GetMemoryInfoList: [16],
  GetException: [6],
  GetAssertion: [0x47670002],
  GetBreakpadInfo: [0x47670001],
  GetCrashpadInfo: [0x43500001],
};
const MEMORY_LIST = 5;
const MEMORY64_LIST = 9;

export async function minidumpDump(file: string, timeoutMs = 120_000): Promise<MinidumpDump> {
  const result = await run(requireTool('minidump_dump'), [file], { timeoutMs });
  refuseCrash('minidump_dump', file, result);
  return parseMinidumpDump(result.stdout.toString('utf8'), result.stderr.toString('utf8'), result.status);
}

export function parseMinidumpDump(stdout: string, stderr: string, status: number | null): MinidumpDump {
  const streams = [...stdout.matchAll(/^ {2}stream type 0x([0-9a-f]+) \((.*)\) at index \d+$/gm)].map(
    ([, type, name]) => ({ type: Number.parseInt(type!, 16), name: name! }),
  );
  const present = new Set(streams.map(({ type }) => type));
  const { complaints, absent } = sortErrors(stderr, present);
  if (streams.length === 0) complaints.push('it printed no stream directory');

  const threads = blocks(stdout, 'thread', 'MDRawThread').map((text) => ({
    id: int(text, 'thread_id'),
    stackStart: big(text, 'stack.start_of_memory_range'),
    stackSize: int(text, 'stack.memory.data_size'),
    stackRva: int(text, 'stack.memory.rva'),
    stack: hexAfter(text, 'Stack'),
    suspendCount: int(text, 'suspend_count'),
    priority: int(text, 'priority'),
    teb: big(text, 'teb'),
    registers: registersIn(text),
  }));
  const threadNames = new Map(
    blocks(stdout, 'thread_name', 'MDRawThreadName').map((text) => [
      int(text, 'thread_id'),
      /^ {2}thread_name +(?:= )"([\s\S]*)"\n/m.exec(text)?.[1] ?? '',
    ]),
  );
  const modules = blocks(stdout, 'module', 'MDRawModule').map((text) => ({
    base: big(text, 'base_of_image'),
    size: big(text, 'size_of_image'),
    codeFile: quoted(text, '(code_file)', '(code_identifier)'),
    codeIdentifier: quoted(text, '(code_identifier)', '('),
    debugFile: quoted(text, '(debug_file)', '(debug_identifier)'),
    debugIdentifier: quoted(text, '(debug_identifier)', '('),
    buildId: /^ {2}\(cv_record\)\.build_id +(?:= )([0-9a-f]*)$/m.exec(text)?.[1],
    version: /^ {2}\(version\) +(?:= )"(.*)"$/m.exec(text)?.[1] ?? '',
  }));
  const memory = blocks(stdout, 'region', 'MDMemoryDescriptor').map((text) => ({
    start: big(text, 'start_of_memory_range'),
    size: int(text, 'memory.data_size'),
    bytes: hexAfter(text, 'Memory'),
  }));
  const memoryInfo = blocks(stdout, 'info', 'MDRawMemoryInfo').map((text) => ({
    base: big(text, 'base_address'),
    size: big(text, 'region_size'),
    protection: int(text, 'protection'),
    state: int(text, 'state'),
    type: int(text, 'type'),
  }));
  const exceptionText = section(stdout, 'MDException');
  const miscText = section(stdout, 'MDRawMiscInfo');

  const texts = new Map<string, string>();
  const heads = [...stdout.matchAll(/^Stream (MD_LINUX_\w+):\n/gm)];
  heads.forEach((head, i) => {
    const end = heads[i + 1]?.index ?? stdout.length;
    texts.set(head[1]!, stdout.slice(head.index + head[0].length, end));
  });

  for (const [kind, count, found] of [
    ['thread', /^ {2}thread_count = (\d+)$/m.exec(stdout)?.[1], threads.length],
    ['module', /^ {2}module_count = (\d+)$/m.exec(stdout)?.[1], modules.length],
    ['region', /^ {2}region_count = (\d+)$/m.exec(stdout)?.[1], memory.length],
  ] as const) {
    // A count without its entries means that the tool, or this parser, gave up half-way.
    if (count !== undefined && Number(count) !== found) {
      complaints.push(`${kind}_count is ${count}, but ${found} were printed`);
    }
  }
  return {
    streams,
    threads,
    threadNames,
    modules,
    memory,
    memoryInfo,
    exception:
      exceptionText === undefined
        ? undefined
        : {
            threadId: int(exceptionText, 'thread_id'),
            code: int(exceptionText, 'exception_record.exception_code'),
            address: big(exceptionText, 'exception_record.exception_address'),
            registers: registersIn(exceptionText),
          },
    systemInfo: fields(section(stdout, 'MDRawSystemInfo') ?? ''),
    miscInfo: miscText === undefined ? undefined : fields(miscText),
    texts,
    complaints,
    absent,
    status,
    stdout,
  };
}

function sortErrors(
  stderr: string,
  present: ReadonlySet<number>,
): { complaints: string[]; absent: string[] } {
  const complaints: string[] = [];
  const absent: string[] = [];
  for (const line of logLines(stderr)) {
    if (/ INFO: /.test(line)) continue;
    const getter = /: ERROR: minidump\.(Get\w+)\(\) failed$/.exec(line)?.[1];
    const wanted = getter === undefined ? undefined : optionalStreams[getter];
    if (wanted?.every((type) => !present.has(type))) absent.push(getter!);
    else if (getter === 'GetMemoryList' && !present.has(MEMORY_LIST) && present.has(MEMORY64_LIST))
      absent.push(getter);
    else complaints.push(line.replace(/^[\d-]+ [\d:]+: /, ''));
  }
  return { complaints, absent };
}

/** A message may name a file whose path holds a newline: a line without a time belongs to the one before. */
function logLines(stderr: string): string[] {
  return stderr.split(/\n(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: )|\n$/).filter(Boolean);
}

/** The texts of `kind[0]`, `kind[1]` … that begin with the line `title`, each up to the next one or the end of its list. */
function blocks(text: string, kind: string, title: string): string[] {
  const head = new RegExp(`^${kind}\\[\\d+\\]\\n${title}\\n`, 'gm');
  const starts = [...text.matchAll(head)].map((match) => match.index);
  return starts.map((start, i) => {
    const next = starts[i + 1];
    if (next !== undefined) return text.slice(start, next);
    const rest = text.slice(start);
    const end = /\n\n(?=Minidump\w+List\n|MDException\n|MDRaw\w+Info\n|Stream MD_)/.exec(rest);
    return end ? rest.slice(0, end.index + 1) : rest;
  });
}

function section(text: string, title: string): string | undefined {
  const start = text.search(new RegExp(`^${title}\\n`, 'm'));
  if (start < 0) return undefined;
  const rest = text.slice(start);
  const end = /\n\n(?!MDRawContext|Stack)/.exec(rest);
  return end ? rest.slice(0, end.index + 1) : rest;
}

function fields(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^ {2}(\S+) +(?:= )(.*)$/gm)].map(([, name, value]) => [
      name,
      value!.replace(/^"(.*)"$/, '$1'),
    ]),
  );
}

function field(text: string, name: string): string {
  const escaped = name.replace(/[.()[\]]/g, '\\$&');
  const value = new RegExp(`^ {2}${escaped} +(?:= )(\\S+)`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`minidump_dump printed no ${name} in: ${text.slice(0, 200)}`);
  return value;
}
const int = (text: string, name: string) => Number(field(text, name));
const big = (text: string, name: string) => BigInt(field(text, name));

/** A quoted value that may hold quotes and newlines itself: it ends where the line of the next field begins. */
function quoted(text: string, name: string, next: string): string {
  const from = text.indexOf(`\n  ${name}`);
  const open = text.indexOf('"', from);
  const close = text.indexOf(`"\n  ${next}`, open);
  if (from < 0 || open < 0 || close < 0)
    throw new Error(`minidump_dump printed no ${name} in: ${text.slice(0, 200)}`);
  return text.slice(open + 1, close);
}

function hexAfter(text: string, title: string): Buffer | undefined {
  const hex = new RegExp(`^${title}\\n0x([0-9a-f]*)$`, 'm').exec(text)?.[1];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

function registersIn(text: string): Registers {
  const start = text.search(/^MDRawContext(AMD64|X86|ARM64)$/m);
  if (start < 0) return {};
  const registers: Registers = {};
  for (const [, name, value] of text.slice(start).matchAll(/^ {2}(\w+) +(?:= )(0x[0-9a-f]+)$/gm))
    registers[name!] = BigInt(value!);
  return registers;
}

// ---------------------------------------------------------------------------------------------------------------------
// Breakpad: minidump_stackwalk -m

export interface WalkedFrame {
  module: string;
  function: string;
  sourceFile: string;
  line: number | undefined;
  /** From the function, the module or zero, depending on what is known. */
  offset: bigint;
}

export interface Stackwalk {
  os: string;
  cpu: string;
  crash: { reason: string; address: bigint; thread: number | undefined };
  modules: { name: string; debugIdentifier: string; start: bigint; end: bigint; main: boolean }[];
  /** By the index of the thread in the dump. */
  frames: WalkedFrame[][];
  complaints: string[];
  stdout: string;
}

/** `symbols`: folders with Breakpad symbol files. */
export async function minidumpStackwalk(
  file: string,
  symbols: string[] = [],
  timeoutMs = 120_000,
): Promise<Stackwalk> {
  const result = await run(requireTool('minidump_stackwalk'), ['-m', file, ...symbols], { timeoutMs });
  refuseCrash('minidump_stackwalk', file, result);
  const stdout = result.stdout.toString('utf8');
  const complaints = logLines(result.stderr.toString('utf8'))
    .filter((line) => !/ INFO: /.test(line))
    .map((line) => line.replace(/^[\d-]+ [\d:]+: /, ''));
  if (result.status !== 0) complaints.push(`exit code ${result.status}`);

  const walk: Stackwalk = {
    os: '',
    cpu: '',
    crash: { reason: '', address: 0n, thread: undefined },
    modules: [],
    frames: [],
    complaints,
    stdout,
  };
  for (const line of stdout.split('\n')) {
    const part = line.split('|');
    if (part[0] === 'OS') walk.os = part.slice(1).join('|');
    else if (part[0] === 'CPU') walk.cpu = part.slice(1).join('|');
    else if (part[0] === 'Crash') {
      walk.crash = {
        reason: part[1] ?? '',
        address: part[2] ? BigInt(part[2]) : 0n,
        thread: part[3] ? Number(part[3]) : undefined,
      };
    } else if (part[0] === 'Module') {
      const [, name, , , debugIdentifier, start, end, main] = part;
      walk.modules.push({
        name: name!,
        debugIdentifier: debugIdentifier!,
        start: BigInt(start!),
        end: BigInt(end!),
        main: main === '1',
      });
    } else if (part.length === 7 && /^\d+$/.test(part[0]!) && /^\d+$/.test(part[1]!)) {
      const [thread, frame, module, name, sourceFile, lineNumber, offset] = part;
      walk.frames[Number(thread)] ??= [];
      walk.frames[Number(thread)]![Number(frame)] = {
        module: module!,
        function: name!,
        sourceFile: sourceFile!,
        line: lineNumber ? Number(lineNumber) : undefined,
        offset: BigInt(offset!),
      };
    } else if (line !== '' && part[0] !== 'GPU') complaints.push(`unexpected line: ${line}`);
  }
  if (walk.frames.length === 0) complaints.push('no thread was walked');
  return walk;
}

// ---------------------------------------------------------------------------------------------------------------------
// LLDB

export interface LldbReport {
  pid: number;
  triple: string;
  threads: {
    id: number;
    name: string | null;
    stopReason: number;
    registers: Registers;
    frames: {
      pc: bigint;
      sp: bigint;
      /** rbx, rbp, rdi, rsi, r12 … r15, where LLDB knows them. */
      kept: Registers;
      /** A call that was inlined into the next frame. */
      inlined: boolean;
      function: string | null;
      module: string | null;
    }[];
  }[];
  modules: { path: string; buildId: string; base: bigint }[];
  regions: { start: bigint; end: bigint; protection: string }[];
  /** What was read at each of `reads`; undefined where LLDB could not. */
  reads: (Buffer | undefined)[];
  complaints: string[];
}

/** The files of a dump's modules, where they do not lie as the dump says. */
export interface LldbFiles {
  program: string;
  /** Of the others, by their names. */
  folders: readonly string[];
}

/** Opens a dump in LLDB and has it read `reads` (at most a megabyte each: they come back as text). */
export async function lldbDump(
  file: string,
  reads: readonly { address: bigint; length: number }[] = [],
  timeoutMs = 180_000,
  files?: LldbFiles,
): Promise<LldbReport> {
  return withReport(async (reportFile) => {
    const result = await run(
      requireTool('lldb-19'),
      [
        '--no-lldbinit',
        '--no-use-colors',
        '--batch',
        // No look-up of symbols outside this machine.
        ...['-O', 'settings set symbols.enable-external-lookup false'],
        ...(files ? ['-O', `settings set target.exec-search-paths ${files.folders.join(' ')}`] : []),
        ...['-c', file],
        ...['-o', `command script import ${join(root, 'test/support/lldb_report.py')}`],
        ...(files ? [files.program] : []),
      ],
      {
        timeoutMs,
        env: {
          MDMP_REPORT: reportFile,
          MDMP_READS: JSON.stringify(reads.map(({ address, length }) => [String(address), length])),
          DEBUGINFOD_URLS: '',
        },
      },
    );
    refuseCrash('lldb-19', file, result);
    const printed = `${result.stdout.toString('utf8')}\n${result.stderr.toString('utf8')}`;
    const complaints = printed.split('\n').filter((line) => /\b(error|warning):|Traceback/i.test(line));
    if (!/^Core file '[\s\S]*' \(.*\) was loaded\.$/m.test(printed))
      complaints.push('LLDB did not say that the file was loaded');
    const report = readReport(reportFile);
    if (!report) throw new Error(`lldb-19 gave no report on ${file}:\n${printed}`);
    return {
      pid: report.pid,
      triple: report.triple,
      threads: report.threads.map(
        (thread: {
          registers: Record<string, string>;
          frames: { pc: string; sp: string; kept: Record<string, string> }[];
        }) => ({
          ...thread,
          registers: hexValues(thread.registers),
          frames: thread.frames.map((frame) => ({
            ...frame,
            pc: BigInt(frame.pc),
            sp: BigInt(frame.sp),
            kept: Object.fromEntries(
              Object.entries(frame.kept).map(([name, value]) => [name, BigInt(value)]),
            ),
          })),
        }),
      ),
      modules: report.modules.map((module: { path: string; uuid: string | null; base: string }) => ({
        path: module.path,
        buildId: (module.uuid ?? '').replaceAll('-', '').toLowerCase(),
        base: BigInt(module.base),
      })),
      regions: report.regions.map((region: { start: string; end: string; protection: string }) => ({
        start: BigInt(region.start),
        end: BigInt(region.end),
        protection: region.protection,
      })),
      reads: report.reads.map((hex: string | null) => (hex === null ? undefined : Buffer.from(hex, 'hex'))),
      complaints,
    };
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// LLVM: obj2yaml

export interface Obj2Yaml {
  /** Names as LLVM has them (`ThreadList`), or the number as `0x…` where it does not know the stream. */
  streams: string[];
  threads: { id: number; context: Buffer; stackStart: bigint; stack: Buffer }[];
  modules: { base: bigint; size: bigint; name: string; codeView: Buffer }[];
  /** The MemoryList. */
  memory: { start: bigint; bytes: Buffer }[];
  /** Memory64List, of which LLVM 19 shows the raw bytes of the list. */
  memory64: { start: bigint; size: bigint }[];
  complaints: string[];
}

/** LLVM prints all of MemoryList as hex digits; they are taken apart as they come. */
export async function obj2yaml(file: string, timeoutMs = 180_000): Promise<Obj2Yaml> {
  const report: Obj2Yaml = {
    streams: [],
    threads: [],
    modules: [],
    memory: [],
    memory64: [],
    complaints: [],
  };
  const parser = new YamlLines(report);
  const decoder = new TextDecoder();
  const rest: string[] = [];
  const result = await run(requireTool('obj2yaml-19'), [file], {
    timeoutMs,
    onStdout: (chunk) => {
      const lines = decoder.decode(chunk, { stream: true }).split('\n');
      rest.push(lines[0]!);
      if (lines.length === 1) return;
      parser.line(rest.join(''));
      for (const line of lines.slice(1, -1)) parser.line(line);
      rest.length = 0;
      rest.push(lines.at(-1)!);
    },
  });
  refuseCrash('obj2yaml-19', file, result);
  if (result.status !== 0) report.complaints.push(`exit code ${result.status}`);
  report.complaints.push(...result.stderr.toString('utf8').split('\n').filter(Boolean));
  if (!parser.complete)
    report.complaints.push('the YAML does not begin with !minidump or does not end with ...');
  return report;
}

/** As much YAML as obj2yaml writes for minidumps: one key a line, lists with `- `, block texts with `|`. */
class YamlLines {
  #stream = '';
  #begun = false;
  #ended = false;
  readonly #report: Obj2Yaml;

  constructor(report: Obj2Yaml) {
    this.#report = report;
  }

  get complete(): boolean {
    return this.#begun && this.#ended;
  }

  line(line: string): void {
    const report = this.#report;
    if (line === '--- !minidump') this.#begun = true;
    if (line === '...') this.#ended = true;
    const stream = /^ {2}- Type: +(\S+)$/.exec(line);
    if (stream) {
      this.#stream = stream[1]!;
      report.streams.push(stream[1]!);
      return;
    }
    const [, key, text] = /^ {4,12}(?:- )?([A-Z][\w /]*?): +(.*)$/.exec(line) ?? [];
    if (key === undefined || text === undefined) return;
    if (this.#stream === 'ThreadList') {
      if (key === 'Thread Id') {
        report.threads.push({
          id: Number(text),
          context: Buffer.alloc(0),
          stackStart: 0n,
          stack: Buffer.alloc(0),
        });
      } else if (key === 'Context') report.threads.at(-1)!.context = bytes(text);
      else if (key === 'Start of Memory Range') report.threads.at(-1)!.stackStart = BigInt(text);
    } else if (this.#stream === 'ModuleList') {
      if (key === 'Base of Image') {
        report.modules.push({ base: BigInt(text), size: 0n, name: '', codeView: Buffer.alloc(0) });
      } else if (key === 'Size of Image') report.modules.at(-1)!.size = BigInt(text);
      else if (key === 'Module Name') report.modules.at(-1)!.name = yamlString(text);
      else if (key === 'CodeView Record') report.modules.at(-1)!.codeView = bytes(text);
    } else if (this.#stream === 'MemoryList') {
      if (key === 'Start of Memory Range')
        report.memory.push({ start: BigInt(text), bytes: Buffer.alloc(0) });
      else if (key === 'Content') report.memory.at(-1)!.bytes = bytes(text);
    } else if (this.#stream === 'Memory64List' && key === 'Content') {
      const list = bytes(text);
      for (let at = 16; at + 16 <= list.length; at += 16) {
        report.memory64.push({ start: list.readBigUInt64LE(at), size: list.readBigUInt64LE(at + 8) });
      }
    }
    if (this.#stream === 'ThreadList' && key === 'Content') report.threads.at(-1)!.stack = bytes(text);
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(yamlString(text), 'hex');
}

function yamlString(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (!text.startsWith('"')) return text;
  return text
    .slice(1, -1)
    .replace(/\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (_, x, u, wide, c) =>
      c === undefined ? String.fromCodePoint(Number.parseInt(x ?? u ?? wide, 16)) : (escapes[c] ?? c),
    );
}
const escapes: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  e: '\x1b',
  a: '\x07',
  b: '\b',
  _: '\xa0',
  N: '\x85',
};

// ---------------------------------------------------------------------------------------------------------------------
// gdb

export interface GdbThread {
  id: number;
  name: string | null;
  /** rax … fs_base, orig_rax, mxcsr, xmm0 … xmm15; eax … orig_eax, st0 … st7 in a 32-bit process; ymm, zmm, k on demand. */
  registers: Registers;
}

/**
 * Attaches gdb to a live process, takes the registers of all threads and lets it go. gdb itself heals no interrupted calls (threads
 * in epoll_wait and the like see an EINTR); with `heal` our script does, and the process stands where it stood.
 */
export async function gdbLive(
  pid: number,
  { heal = false, vectors = false, timeoutMs = 120_000 } = {},
): Promise<GdbThread[]> {
  return withReport(async (reportFile) => {
    const result = await run(
      requireTool('gdb'),
      [
        ...['-nx', '-nh', '--batch', '-iex', 'set debuginfod enabled off', '-iex', 'set auto-solib-add off'],
        ...['-p', String(pid), '-x', join(root, 'test/support/gdb_report.py')],
      ],
      {
        timeoutMs,
        env: { MDMP_REPORT: reportFile, MDMP_HEAL: heal ? '1' : '', MDMP_VECTORS: vectors ? '1' : '' },
      },
    );
    refuseCrash('gdb', `process ${pid}`, result);
    const report = readReport(reportFile);
    if (!report) {
      throw new Error(`gdb gave no report on process ${pid}:\n${result.stdout}\n${result.stderr}`);
    }
    return report.threads.map((thread: GdbThread & { registers: Record<string, string> }) => ({
      ...thread,
      registers: hexValues(thread.registers),
    }));
  });
}

// ---------------------------------------------------------------------------------------------------------------------

/** The GNU build id of an ELF file as readelf prints it, lower-case hex; undefined where it has none. */
export async function readelfBuildId(file: string): Promise<string | undefined> {
  const result = await run(requireTool('readelf'), ['-n', file]);
  return /Build ID: ([0-9a-f]+)/.exec(result.stdout.toString('latin1'))?.[1];
}

/** A judge that crashed or hung on a dump is a failure of the dump, whatever it printed before. */
function refuseCrash(tool: string, what: string, result: RunResult): void {
  if (result.timedOut) throw new Error(`${tool} did not end in time on ${what}`);
  if (result.signal)
    throw new Error(
      `${tool} died of ${result.signal} on ${what}:\n${result.stderr.toString('utf8').slice(-2000)}`,
    );
}

async function withReport<T>(use: (reportFile: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-judge-'));
  try {
    return await use(join(folder, 'report.json'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is that of our own two Python scripts
function readReport(file: string): any {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function hexValues(values: Record<string, string>): Registers {
  return Object.fromEntries(Object.entries(values).map(([name, hex]) => [name, BigInt(`0x${hex || '0'}`)]));
}

// ---------------------------------------------------------------------------------------------------------------------
// rust-minidump's minidump-stackwalk --dump, and PyPI's minidump

/** All that `minidump-stackwalk --dump` of rust-minidump prints of the streams it knows. */
export async function rustDump(file: string, timeoutMs = 120_000): Promise<string> {
  const result = await run(requireTool('minidump-stackwalk'), ['--dump', file], { timeoutMs });
  refuseCrash('minidump-stackwalk', file, result);
  if (result.status !== 0) throw new Error(`minidump-stackwalk --dump ${file}: ${result.stderr}`);
  return result.stdout.toString('utf8');
}

export interface PythonMinidump {
  flags: number;
  memory: { start: string; end: string; offset: number }[];
  memory64: { start: string; end: string; offset: number }[];
  threadInfo: { id: number; start: string; affinity: string; created: string; exitStatus: number }[];
  handles: { handle: number; type: string | null; name: string | null }[];
  unloaded: { name: string; base: string; size: number }[];
  memoryInfo: { base: string; size: string; state: string }[];
  comment: string | null;
  threadsEx: number | null;
}

/** What the Python package `minidump` reads; addresses are decimal texts. */
export async function pythonMinidump(file: string, timeoutMs = 120_000): Promise<PythonMinidump> {
  const script = join(root, 'test', 'support', 'python_minidump.py');
  const folder = join(requireTool('python-minidump'), '..');
  const result = await run('python3', [script, folder, file], { timeoutMs });
  if (result.status !== 0) throw new Error(`python minidump of ${file}: ${result.stderr}`);
  return JSON.parse(result.stdout.toString('utf8'));
}
