import type { Task } from '../io/index.js';
import type { TechniqueName } from '../unwind/index.js';
import type { Analysis, AnalyzedThread } from './analyze.js';
import { assertionText } from './assertion.js';
import { crashText } from './crash-text.js';
import { moduleVersion } from './modules.js';
import { type CpuName, hexString, leafName, registerName } from './platform.js';
import { softErrors } from './soft-errors.js';
import type { StackFrame } from './stack.js';
import { type ProcessReport, processReportTask } from './system-info.js';

export interface ReportTextOptions {
  /** Stop after the thread to blame. */
  brief?: boolean | undefined;
}

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
export function* reportText(analysis: Analysis, { brief = false }: ReportTextOptions = {}): Task<string> {
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
  if (brief) return lines.join('\n');
  for (const [index, thread] of threads.entries()) {
    if (index === requestingThread || thread.isDumpWriter) continue;
    lines.push(...threadText(analysis, index, ` - tid: ${thread.id}`));
  }
  lines.push('Loaded modules:', ...moduleLines(analysis));
  if (analysis.unloadedModules.length > 0) lines.push('', 'Unloaded modules:', ...unloadedLines(analysis));
  const failed = yield* softErrors(analysis.dump);
  // They tell what the dump lacks, and so what this report lacks.
  if (failed !== null)
    lines.push(
      '',
      'Soft errors were encountered when minidump was written:',
      JSON.stringify(failed, null, 2),
    );
  return `${lines.join('\n')}\n`;
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
  let number = 0;
  for (const frame of stack.frames) {
    for (const inline of frame.inlines) {
      lines.push(`${label(number++)}${inPlace(frame, inline.function, inline.file, inline.line)}`);
      lines.push('    Found by: inlining');
    }
    lines.push(`${label(number++)}${placeText(frame)}`);
    lines.push(...registerLines(frame, order), `    Found by: ${FOUND_BY[frame.trust]}`);
  }
  if (stack.frames.length === 0) lines.push('     no registers in the dump');
  if (stack.truncated) lines.push('     … and more frames');
  return [...lines, ''];
}

const label = (number: number): string => `${String(number).padStart(2)}  `;

function inPlace(
  { module }: StackFrame,
  name: string,
  file: string | undefined,
  line: number | undefined,
): string {
  const place = file === undefined ? '' : ` [${leafName(file)}${line === undefined ? '' : ` : ${line}`}]`;
  return `${module === undefined ? '' : `${module.name}!`}${name}${place}`;
}

/** As minidump-stackwalk, offsets are those of the address that is looked up, one less than Breakpad's, which prints the return address. */
function placeText(frame: StackFrame): string {
  const { lookupAddress: address, module, functionStart, file, line, lineStart, unloaded } = frame;
  if (module === undefined) {
    const gone = unloaded.map(
      ({ name, offsets }) => ` (unloaded ${name}@${offsets.map((offset) => plainHex(offset)).join('|')})`,
    );
    return `${plainHex(address)}${gone.join('')}`;
  }
  if (frame.function === undefined || functionStart === undefined)
    return `${module.name} + ${plainHex(address - module.base)}`;
  const name = `${module.name}!${frame.function}`;
  if (file === undefined || line === undefined) return `${name} + ${plainHex(address - functionStart)}`;
  return `${name} [${leafName(file)} : ${line} + ${plainHex(address - (lineStart ?? functionStart))}]`;
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
const plainHex = (value: bigint): string => `0x${value.toString(16)}`;
