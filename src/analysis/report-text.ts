import type { Task } from '../io/index.js';
import type { TechniqueName } from '../unwind/index.js';
import type { Analysis, AnalyzedThread } from './analyze.js';
import { assertionText } from './assertion.js';
import type { CallArguments } from './call-arguments.js';
import { crashText } from './crash-text.js';
import { frameLines } from './frame-text.js';
import { moduleVersion } from './modules.js';
import { type CpuName, hexString, leafName, registerName } from './platform.js';
import { softErrors } from './soft-errors.js';
import type { StackFrame } from './stack.js';
import { type ProcessReport, processReportTask } from './system-info.js';

export interface ReportTextOptions {
  /** Stop after the thread to blame. */
  brief?: boolean | undefined;
}

/** Of a module that are named one by one. */
const MAX_GAPS = 10;

/** How a frame was found, in the words of Breakpad's tools, which rust-minidump has too. */
const FOUND_BY: Readonly<Record<StackFrame['trust'], string>> = {
  context: 'given as instruction pointer in context',
  cfi: 'call frame info',
  frame_pointer: "previous frame's frame pointer",
  scan: 'stack scanning',
  leaf: 'simulating a return from leaf function',
} satisfies Record<Exclude<TechniqueName, 'windows_frame'> | 'context', string>;

/**
 * The report for people, laid out as that of minidump-stackwalk: system, crash, stacks (the thread to blame first), modules. Names come
 * from the dump and may hold anything: who prints this to a terminal must see to it.
 */
export function* reportText(analysis: Analysis, options: ReportTextOptions = {}): Task<string> {
  const lines = yield* reportLines(analysis, options);
  return options.brief ? lines.join('\n') : `${lines.join('\n')}\n`;
}

/** The same as lines: a name that has a line break in it is still in one, so that who prints them can see to it. */
export function* reportLines(analysis: Analysis, { brief = false }: ReportTextOptions = {}): Task<string[]> {
  const process = yield* processReportTask(analysis.dump);
  const assertion = yield* assertionText(analysis.dump);
  const lines = [
    ...systemText(process),
    '',
    ...(analysis.crash === undefined ? ['No crash'] : crashText(analysis, analysis.crash)),
    ...(assertion === undefined ? [] : [assertion]),
    process.process_uptime === null
      ? 'Process uptime: not available'
      : `Process uptime: ${process.process_uptime} seconds`,
    ...(process.linux_memory_map_count === null
      ? []
      : [`Linux memory map count: ${process.linux_memory_map_count}`]),
    '',
  ];
  const { threads, requestingThread } = analysis;
  const what = analysis.crash === undefined ? 'requested dump, did not crash' : 'crashed';
  if (requestingThread !== undefined)
    lines.push(
      ...threadText(analysis, requestingThread, ` (${what}) - tid: ${threads[requestingThread]!.id}`),
    );
  if (brief) return lines;
  for (const [index, thread] of threads.entries()) {
    if (index === requestingThread || thread.isDumpWriter) continue;
    lines.push(...threadText(analysis, index, ` - tid: ${thread.id}`));
  }
  lines.push('Loaded modules:', ...moduleLines(analysis));
  if (analysis.unloadedModules.length > 0) lines.push('', 'Unloaded modules:', ...unloadedLines(analysis));
  const gaps = gapLines(analysis);
  if (gaps.length > 0) lines.push('', 'Missing of the symbols:', ...gaps);
  const failed = yield* softErrors(analysis.dump);
  // They tell what the dump lacks, and so what this report lacks.
  if (failed !== null)
    lines.push(
      '',
      'Soft errors were encountered when minidump was written:',
      ...JSON.stringify(failed, null, 2).split('\n'),
    );
  return lines;
}

function systemText({ system_info: system, lsb_release: release }: ProcessReport): string[] {
  if (system === null) return ['Operating system: unknown'];
  const { os, os_ver, cpu_arch, cpu_info, cpu_count } = system;
  return [
    `Operating system: ${os}`,
    ...(os_ver === '' ? [] : [`                  ${os_ver}`]),
    `CPU: ${cpu_arch}`,
    ...(cpu_info === null ? [] : [`     ${cpu_info}`]),
    `     ${cpu_count} CPU${cpu_count === 1 ? '' : 's'}`,
    ...(release === null
      ? []
      : [`Linux ${release.id} ${release.release} - ${release.codename} (${release.description})`]),
  ];
}

function threadText({ threads, cpu }: Analysis, index: number, about: string): string[] {
  const thread: AnalyzedThread = threads[index]!;
  const { stack, name } = thread;
  const lines = [`Thread ${index} ${name ?? ''}${about}`];
  const order = registerOrder(stack.frames[0], cpu);
  for (const { text, frame, inlined } of frameLines(stack)) {
    lines.push(text);
    if (inlined) lines.push('    Found by: inlining');
    else {
      lines.push(...registerLines(frame, order), `    Found by: ${FOUND_BY[frame.trust]}`);
      if (frame.arguments !== undefined) lines.push(...argumentLines(frame.arguments, cpu));
    }
  }
  if (stack.frames.length === 0) lines.push('     no registers in the dump');
  if (stack.truncated) lines.push('     … and more frames');
  return [...lines, ''];
}

/** The registers that are known, in lines of 80 columns. */
function registerLines({ registers }: StackFrame, order: readonly ShownRegister[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const { name, shown, text } of order) {
    const value = registers.get(name);
    if (value === undefined) continue;
    const next = ` ${shown.padStart(6)} = ${text(value)}`;
    if (line.length + next.length > 80) {
      lines.push(` ${line}`);
      line = '';
    }
    line += next;
  }
  return line === '' ? lines : [...lines, ` ${line}`];
}

const CONVENTIONS: Readonly<Record<CallArguments['convention'], string>> = {
  cdecl: 'cdecl [static function]',
  thiscall: 'windows thiscall [C++ member function]',
};

/** In the words of minidump-stackwalk. */
function argumentLines({ convention, values }: CallArguments, cpu: CpuName): string[] {
  return [
    `    Arguments (assuming ${CONVENTIONS[convention]})`,
    ...values.map(
      ({ type, value }, i) =>
        `        arg ${i} (${type}) = ${value === undefined ? '<unknown>' : hexString(value, cpu)}`,
    ),
    '',
  ];
}

interface ShownRegister {
  readonly name: string;
  readonly shown: string;
  text(value: bigint): string;
}

const X86_ORDER = ['eip', 'esp', 'ebp', 'ebx', 'esi', 'edi', 'eax', 'ecx', 'edx', 'eflags'];

/** In the order of the context, which has them all; of x86 in that of minidump-stackwalk. */
function registerOrder(context: StackFrame | undefined, cpu: CpuName): ShownRegister[] {
  const names = cpu === 'x86' ? X86_ORDER : [...(context?.registers.keys() ?? [])];
  return names.map((name) => ({
    name,
    shown: registerName(name, cpu),
    text: (value) => hexString(value, cpu),
  }));
}

function moduleLines({ modules, os }: Analysis): string[] {
  const [main] = modules.inFileOrder;
  return modules.all.map((one) => {
    const version = moduleVersion(one.module.VersionInfo, os) ?? '???';
    return `${rangeText(one.base, one.end)}  ${one.name}  ${version}${one.module === main ? '  (main)' : ''}`;
  });
}

/** What would bring more names and lines: files that debug information names. */
function gapLines({ modules, world }: Analysis): string[] {
  return modules.all.flatMap(({ module, name }) => {
    const gaps = world.symbols.known(module, world.pointerSize)?.gaps ?? [];
    const more = gaps.length > MAX_GAPS ? [`${name}: and ${gaps.length - MAX_GAPS} more`] : [];
    return [...gaps.slice(0, MAX_GAPS).map((gap) => `${name}: ${gap}`), ...more];
  });
}

function unloadedLines({ unloadedModules }: Analysis): string[] {
  return [...unloadedModules]
    .sort((a, b) => (a.BaseOfImage < b.BaseOfImage ? -1 : 1))
    .map(
      ({ BaseOfImage, SizeOfImage, name }) =>
        `${rangeText(BaseOfImage, BaseOfImage + BigInt(SizeOfImage))}  ${leafName(name ?? '')}`,
    );
}

const rangeText = (start: bigint, end: bigint): string =>
  `0x${digits(start)} - 0x${digits(end > start ? end - 1n : end)}`;
const digits = (value: bigint): string => value.toString(16).padStart(8, '0');
