import { describe, expect, it } from 'vitest';
import { crashAddress, crashReason } from '../../src/analysis/crash-reason/index.js';
import { moduleReports, unloadedModuleReports } from '../../src/analysis/modules.js';
import { cpuNameOf, hexString, osOf } from '../../src/analysis/platform.js';
import { processReportTask } from '../../src/analysis/system-info.js';
import { runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { corpusBytes, corpusDumps, corpusPath } from '../reader/corpus.js';
import { minidumpStackwalk } from '../support/judges.js';
import { describeWith, needsCorpus } from '../support/tools.js';
import { rustReport } from './reports.js';

function analyse(name: string) {
  const dump = Minidump.openSync(corpusBytes(name));
  const system = dump.getSync('systemInfo');
  const os = osOf(system?.PlatformId ?? 0xffffffff);
  const cpu = cpuNameOf(system?.ProcessorArchitecture ?? 0xffff);
  const exception = dump.getSync('exception')?.ExceptionRecord;
  return {
    process: runSync(processReportTask(dump)),
    reason: exception ? crashReason(os, cpu, exception) : null,
    address: exception ? crashAddress(os, cpu, exception) : undefined,
    addressText: exception ? hexString(crashAddress(os, cpu, exception), cpu) : null,
    modules: moduleReports(runSync(dump.tryTask('modules')) ?? [], os, cpu),
    unloaded: unloadedModuleReports(runSync(dump.tryTask('unloadedModules')) ?? [], cpu),
  };
}

describeWith([needsCorpus, 'minidump-stackwalk'], 'the corpus, as rust-minidump reports it', () => {
  it.each(corpusDumps())('%s', async (name) => {
    const theirs = await rustReport(corpusPath(name));
    const ours = analyse(name);
    if (theirs === undefined) {
      expect(ours.process.system_info).toBeNull();
      return;
    }
    expect(ours.reason).toBe(theirs.crash_info.type);
    expect(ours.addressText).toBe(theirs.crash_info.address);
    const { linux_memory_map_count, lsb_release, pid, process_uptime, system_info } = theirs;
    expect({ ...ours.process, proc_limits: undefined }).toEqual({
      linux_memory_map_count,
      lsb_release,
      pid,
      process_uptime,
      system_info,
      proc_limits: undefined,
    });
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(ours.process.proc_limits?.limits.toSorted(byName)).toEqual(
      theirs.proc_limits?.limits.toSorted(byName),
    );
    expect(ours.modules).toEqual(theirs.modules);
    expect(ours.unloaded).toEqual(theirs.unloaded_modules);
  });
});

/** Where Breakpad uses other words, and why; the rest of its texts are ours. */
function inBreakpadsWords(reason: string | null): string {
  // It has a text for a dump without an exception.
  if (reason === null) return 'No crash';
  const known: Readonly<Record<string, string>> = {
    // Crashpad's "CPnx", an Objective-C exception; rust-minidump does not know it.
    'unknown 0x43506e78 / 0x00000000': 'Uncaught NSException',
    // It has names for a few of the NTSTATUS only; the flags stand behind those that it does not know.
    STATUS_INVALID_PARAMETER: '0xc000000d / 0x00000000',
    // Crashpad's dump without a crash; it does not say that it does not know it.
    'unknown 0x00000000 / 0x00000000': '0x00000000 / 0x00000000',
    // It prints the code of __fastfail alone.
    'EXCEPTION_STACK_BUFFER_OVERRUN / FAST_FAIL_FATAL_APP_EXIT': 'FAST_FAIL_FATAL_APP_EXIT',
    // SI_USER has a name only behind SIGABRT and those signals that have no codes of their own.
    SIGFPE: 'SIGFPE / 0x00000000',
    SIGSEGV: 'SIGSEGV /0x00000000',
  };
  return known[reason] ?? reason.replace('SIGSEGV / ', 'SIGSEGV /');
}

describeWith([needsCorpus, 'minidump_stackwalk'], 'the corpus, as Breakpad reports it', () => {
  it.each(corpusDumps())('%s', async (name) => {
    const theirs = await minidumpStackwalk(corpusPath(name));
    // It gives up on the two that are damaged.
    if (/invalid-(range|record-count)/.test(name)) {
      expect(theirs.crash.reason).toBe('');
      return;
    }
    const ours = analyse(name);
    expect(inBreakpadsWords(ours.reason)).toBe(theirs.crash.reason);
    expect(ours.address ?? 0n).toBe(theirs.crash.address);
  });
});

describe('a corpus', () => {
  it('has the dumps that are promised', () => {
    expect([0, 32]).toContain(corpusDumps().length);
  });
});
