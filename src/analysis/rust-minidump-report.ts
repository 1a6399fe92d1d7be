import type { Task } from '../io/index.js';
import type { Json, Module } from '../reader/index.js';
import type { ModuleSymbols } from '../symbols/index.js';
import type { Analysis, AnalyzedThread } from './analyze.js';
import { toRustMinidumpJson } from './instruction/index.js';
import { moduleReports, type SymbolState, unloadedModuleReports } from './modules.js';
import { type CpuName, hexString, registerName } from './platform.js';
import { softErrors } from './soft-errors.js';
import type { StackFrame } from './stack.js';
import { processReportTask } from './system-info.js';

/** What else is known of a crash, beside the dump: the file that minidump-stackwalk takes by --evil-json. */
export interface ReportAdditions {
  /** Who signed a file, by the leaf name of the module. */
  certSubject?: ((filename: string) => string | undefined) | undefined;
  /** Hexadecimal, with 0x */
  cpuMicrocodeVersion?: string | undefined;
}

/**
 * The report in the shape of rust-minidump's JSON (minidump-stackwalk --json), whose readers read ours: keys in alphabetical order,
 * addresses as hexadecimal texts.
 */
export function* rustMinidumpReport(analysis: Analysis, additions: ReportAdditions = {}): Task<Json> {
  const { dump, os, cpu, crash, threads, requestingThread, unloadedModules } = analysis;
  const process = yield* processReportTask(dump);
  const mac = yield* dump.tryTask('macCrashInfo');
  const threadReports = threads.map((thread) => threadReport(thread, cpu));
  const requesting = requestingThread === undefined ? undefined : threads[requestingThread];
  const { certSubject, cpuMicrocodeVersion } = additions;
  const handles = yield* dump.tryTask('handles');
  return sorted({
    ...process,
    system_info: process.system_info && {
      ...process.system_info,
      cpu_microcode_version: cpuMicrocodeVersion ?? process.system_info.cpu_microcode_version,
    },
    status: 'OK',
    crash_info: {
      ...toRustMinidumpJson(analysis.instruction),
      address: crash === undefined ? null : hexString(crash.address, cpu),
      assertion: null,
      crashing_thread: requestingThread ?? null,
      type: crash?.reason ?? null,
    },
    threads: threadReports,
    thread_count: threads.length,
    ...(requesting !== undefined &&
      requesting.stack.frames.length > 0 && {
        crashing_thread: {
          ...withRegisters(threadReports[requestingThread!]!, requesting.stack.frames[0]!, cpu),
          threads_index: requestingThread!,
        },
      }),
    main_module: 0,
    modules: moduleReports(analysis.modules.inFileOrder, os, cpu, {
      symbols: (module) => symbolState(analysis, module),
      ...(certSubject && { certSubject }),
    }),
    modules_contains_cert_info: certSubject !== undefined,
    unloaded_modules: unloadedModuleReports(unloadedModules, cpu, certSubject ? { certSubject } : {}),
    handles:
      handles?.map(({ Handle, typeName, objectName }) => ({
        handle: Number(Handle),
        type_name: typeName ?? null,
        object_name: objectName ?? null,
      })) ?? null,
    mac_boot_args: (yield* dump.tryTask('macBootArgs')) ?? null,
    mac_crash_info:
      mac === undefined
        ? null
        : { num_records: mac.records.length, records: mac.records.map((record) => macRecord(record, cpu)) },
    soft_errors: yield* softErrors(dump),
  });
}

/** Texts of a record under the names that the JSON has for them. */
const MAC_TEXTS = {
  module: 'module_path',
  message: 'message',
  signature_string: 'signature_string',
  backtrace: 'backtrace',
  message2: 'message2',
} as const;

function macRecord(record: object, cpu: CpuName): Json {
  const fields = record as Record<string, unknown>;
  const number = (name: string) =>
    typeof fields[name] === 'bigint' ? hexString(fields[name] as bigint, cpu) : null;
  return {
    thread: number('thread'),
    dialog_mode: number('dialog_mode'),
    abort_cause: number('abort_cause'),
    ...Object.fromEntries(
      Object.entries(MAC_TEXTS).map(([name, field]) => [
        name,
        typeof fields[field] === 'string' ? (fields[field] as string) : null,
      ]),
    ),
  };
}

/** Of a module that another one overlaps nothing is ever looked up. */
function symbolState({ modules, world }: Analysis, module: Module): SymbolState | undefined {
  if (modules.at(module.BaseOfImage)?.module !== module) return undefined;
  const symbols = world.symbols.known(module, world.pointerSize);
  return symbols && stateOf(symbols);
}

function stateOf({ state, gaps, url }: ModuleSymbols): SymbolState {
  return {
    loaded_symbols: state !== 'missing',
    missing_symbols: state === 'missing',
    corrupt_symbols: state === 'corrupt',
    symbol_url: url ?? null,
    ...(gaps.length > 0 && { symbol_gaps: gaps }),
  };
}

type ThreadReport = ReturnType<typeof threadReport>;

function threadReport({ id, name, stack, lastError, isDumpWriter }: AnalyzedThread, cpu: CpuName) {
  return {
    thread_id: id,
    thread_name: isDumpWriter ? null : (name ?? null),
    last_error_value: lastError ?? null,
    frame_count: stack.frames.length,
    frames: stack.frames.map((frame, index) => frameReport(frame, index, cpu)),
  };
}

function frameReport(frame: StackFrame, index: number, cpu: CpuName) {
  const { lookupAddress: address, module, functionStart, inlines, unloaded } = frame;
  const hex = (value: bigint) => hexString(value, cpu);
  return {
    frame: index,
    // rust-minidump has no word for a leaf: what it returns to was found on the stack.
    trust: frame.trust === 'leaf' ? 'scan' : frame.trust,
    offset: hex(address),
    module: module?.name ?? null,
    module_offset: module === undefined ? null : hex(address - module.base),
    unloaded_modules:
      module !== undefined || unloaded.length === 0
        ? null
        : unloaded.map(({ name, offsets }) => ({ module: name, offsets: offsets.map(hex) })),
    function: frame.function ?? null,
    function_offset: functionStart === undefined ? null : hex(address - functionStart),
    file: frame.file ?? null,
    line: frame.line ?? null,
    inlines:
      inlines.length === 0
        ? null
        : inlines.map(({ function: name, file, line }) => ({
            function: name,
            file: file ?? null,
            line: line ?? null,
          })),
    missing_symbols: frame.function === undefined,
  };
}

function withRegisters(thread: ThreadReport, { registers }: StackFrame, cpu: CpuName) {
  const [first, ...rest] = thread.frames;
  const shown = [...registers].map(
    ([name, value]) => [registerName(name, cpu), hexString(value, cpu)] as const,
  );
  return { ...thread, frames: [{ ...first, registers: Object.fromEntries(shown) }, ...rest] };
}

/** With the keys of all objects in alphabetical order. */
function sorted(value: unknown): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}
