import { afterAll, expect, it } from 'vitest';
import type { Analysis } from '../../../src/analysis/index.js';
import { processReportTask } from '../../../src/analysis/system-info.js';
import { runSync } from '../../../src/io/index.js';
import { corpusBytes, corpusPath } from '../../reader/corpus.js';
import { removeFolders } from '../../support/programs.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { analyzed, snapshot } from './analyzed.js';
import { Comparison, fieldDifferences } from './compare.js';
import { CALLED_BY } from './differences.js';

afterAll(removeFolders);

type Fields = Record<string, string>;
interface Answer {
  crash: Fields;
  threads: { id: string; requesting: string; registers: Fields; frames: Fields[] }[];
  modules: Fields[];
}

/** `key: value` and `- key: value` at an indentation, until a line that is indented less. */
function fieldsAt(text: string, spaces: number): Fields {
  const line = new RegExp(`^ {${spaces}}(?:- )?(\\w+): (.+)$`, 'gm');
  return Object.fromEntries([...text.matchAll(line)].map(([, key, value]) => [key!, plain(value!)]));
}

const plain = (value: string): string => (value.startsWith('"') ? JSON.parse(value) : value);

/** Of a snapshot, which is YAML, what a dump can tell: not what was downloaded. */
function answerIn(text: string): Answer {
  const [head, threads, modules] = text.split(/^(?:stacktraces|modules):$/m) as [string, string, string];
  const system = fieldsAt(head, 2);
  const { timestamp, crashed, crash_reason } = fieldsAt(head, 0);
  return {
    crash: { ...system, timestamp: timestamp!, crashed: crashed!, crash_reason: crash_reason! },
    threads: threads
      .split(/^ {2}- (?=thread_id)/m)
      .slice(1)
      .map((thread) => {
        const [about, frames] = thread.split(/^ {4}frames:$/m) as [string, string];
        return {
          id: /^thread_id: (\d+)/.exec(about)![1]!,
          requesting: /is_requesting: (\w+)/.exec(about)![1]!,
          registers: fieldsAt(about, 6),
          frames: frames
            .split(/^ {6}- /m)
            .slice(1)
            .map((frame) => fieldsAt(`        ${frame}`, 8)),
        };
      }),
    modules: modules
      .split(/^ {2}- /m)
      .slice(1)
      .map((module) => fieldsAt(`    ${module}`, 4)),
  };
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** Our answer in symbolicator's words. */
function ourAnswer(analysis: Analysis): Answer {
  const { dump, threads, crash, requestingThread, modules, cpu } = analysis;
  const windows = analysis.os === 'windows';
  const [release, ...build] = runSync(processReportTask(dump)).system_info!.os_ver.split(' ');
  return {
    crash: {
      os_name: windows ? 'Windows' : 'Linux',
      os_version: release!,
      os_build: build.join(' '),
      cpu_arch: cpu === 'amd64' ? 'x86_64' : cpu,
      device_model: '',
      timestamp: String(dump.header.TimeDateStamp),
      crashed: String(crash !== undefined),
      crash_reason: `${crash!.reason} / ${hex(crash!.address)}`,
    },
    threads: threads.map(({ id, stack }, index) => ({
      id: String(id),
      requesting: String(index === requestingThread),
      registers: Object.fromEntries(
        [...(stack.frames[0]?.registers ?? [])].map(([name, value]) => [name, hex(value)]),
      ),
      frames: stack.frames.flatMap((frame, index) => {
        const common = {
          original_index: String(index),
          instruction_addr: hex(frame.instruction),
          package: frame.module!.module.name!,
          trust: frame.trust === 'frame_pointer' ? 'fp' : frame.trust,
        };
        if (frame.function === undefined) return [{ status: 'missing', ...common }];
        const { function: name, file, line, inlines } = frame;
        return [
          {
            status: 'symbolicated',
            ...common,
            ...{ symbol: name, function: name, sym_addr: hex(frame.functionStart!) },
            ...{ filename: file!.replace(/^.*[\\/]/, ''), abs_path: file!, lineno: String(line) },
            // It lists none in these answers.
            ...(inlines.length > 0 && { inlined: inlines.map((call) => call.function).join(CALLED_BY) }),
          },
        ];
      }),
    })),
    // It lists them by their addresses.
    modules: modules.all.map(({ module }) => ({
      type: windows ? 'pe' : 'elf',
      code_id: module.codeIdentifier!,
      code_file: module.name!,
      debug_id: dashed(module.debugIdentifier!),
      debug_file: module.debugFile ?? module.name!,
      image_addr: hex(module.BaseOfImage),
      image_size: String(module.SizeOfImage),
    })),
  };
}

/** GUID and age as symbolicator writes them. */
function dashed(id: string): string {
  const parts = /^(.{8})(.{4})(.{4})(.{4})(.{12})(.*)$/.exec(id.toLowerCase())!.slice(1);
  const age = parts.pop();
  return [...parts, ...(age === '0' ? [] : [age])].join('-');
}

describeWith([needsCorpus], "symbolicator's answers", () => {
  const comparison = new Comparison("symbolicator's stacks");

  const windows = 'symbolic/windows';
  it.each([
    ['minidump_linux.snap', 'symbolicator/linux.dmp', []],
    ['minidump_windows.snap', 'symbolicator/windows.dmp', [`${windows}/crash.sym`]],
    ['minidump_windows.snap', 'symbolicator/windows.dmp', [`${windows}/crash.pdb`]],
    ['minidump_windows.snap', 'symbolicator/windows.dmp', [`${windows}/crash.exe`, `${windows}/crash.pdb`]],
    // What symbolicator itself was given: a store, in it a cabinet, in that crash.sym.
    ['minidump_windows.snap', 'symbolicator/windows.dmp', ['symbolicator/symbols']],
  ])('%s, %s with %s', async (name, dump, paths) => {
    const theirs = answerIn(snapshot(`symbolicator/expected/${name}`));
    expect(theirs.threads.length).toBeGreaterThan(0);
    expect(theirs.threads.every(({ frames }) => frames.length > 0)).toBe(true);
    expect(theirs.modules.length).toBeGreaterThan(7);
    const ours = ourAnswer(await analyzed(corpusBytes(dump), paths.map(corpusPath)));
    // What it found for a module, and downloaded for it, is not in the dump.
    for (const module of theirs.modules)
      for (const key of ['debug_status', 'unwind_status', 'arch']) delete module[key];
    comparison.check(`${name} with ${paths.join(' ')}`, fieldDifferences(theirs, ours));
  });

  it('all listed differences occur', () => {
    comparison.checkThatAllOccurred();
  });
});
