import { expect, it } from 'vitest';
import { crashAddress, crashReason } from '../../src/analysis/crash-reason/index.js';
import { moduleReports, unloadedModuleReports } from '../../src/analysis/modules.js';
import { cpuNameOf, osOf } from '../../src/analysis/platform.js';
import { processReportTask } from '../../src/analysis/system-info.js';
import { MinidumpError, runSync, type Task } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { corpusBytes, corpusDumps } from '../reader/corpus.js';
import { fuzzSeeds, generator, mutate } from '../reader/mutations.js';
import { describeWith, needsCorpus } from '../support/tools.js';

/** All that these parts say of a dump; it is to be JSON, and its texts are to be texts. */
function* everythingTask(dump: Minidump): Task<string> {
  const system = yield* dump.systemTask();
  const os = osOf(system?.PlatformId ?? 0);
  const cpu = cpuNameOf(system?.ProcessorArchitecture ?? 0xffff);
  const record = (yield* dump.tryTask('exception'))?.ExceptionRecord;
  return JSON.stringify({
    process: yield* processReportTask(dump),
    reason: record && crashReason(os, cpu, record),
    address: record && String(crashAddress(os, cpu, record)),
    modules: moduleReports((yield* dump.tryTask('modules')) ?? [], os, cpu),
    unloaded: unloadedModuleReports((yield* dump.tryTask('unloadedModules')) ?? [], cpu),
  });
}

const EACH = 40;

describeWith([needsCorpus], 'damaged dumps', () => {
  it.each(corpusDumps().flatMap((name) => fuzzSeeds.map((seed) => [name, seed] as const)))(
    '%s, seed %i: a report, or a MinidumpError when it is opened',
    (name, seed) => {
      const bytes = corpusBytes(name);
      const random = generator(seed);
      const places = [0, ...Minidump.openSync(bytes).directory.map(({ rva }) => rva)];
      for (let i = 0; i < EACH; i++) {
        const mutated = mutate(bytes, places, random);
        let dump: Minidump;
        try {
          dump = Minidump.openSync(mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(MinidumpError);
          continue;
        }
        const report = runSync(everythingTask(dump));
        expect(report).not.toMatch(/undefined|xNaN/);
      }
    },
  );
});
