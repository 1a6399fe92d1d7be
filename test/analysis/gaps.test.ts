import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { analyzeTask, findGapsTask, gapsText } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { StreamType } from '../../src/format/index.js';
import { MinidumpError, runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { DumpBuilder } from '../reader/build-dump.js';
import { corpusBytes, corpusDumps, corpusPath } from '../reader/corpus.js';
import { generator, mutate } from '../reader/mutations.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsCorpus } from '../support/tools.js';
import { exceptionRecord, smallDump } from './reports.js';

afterAll(removeFolders);

function gapsOf(bytes: Uint8Array, ...paths: string[]) {
  using symbols = openSymbols({ paths, cache: temporaryFolder(), local: false });
  return runSync(findGapsTask(runSync(analyzeTask(Minidump.openSync(bytes), { symbols }))));
}

const corpus = (path: string) => join(corpusFolder() ?? '', path);

describeWith([needsCorpus], 'the gaps of dumps of the corpus', () => {
  it('are symbols, by their place on the stack of the thread that crashed, under the names that they are found by', () => {
    const gaps = gapsOf(corpusBytes('rust-minidump/test.dmp'));
    expect(gaps[0]).toMatchObject({
      kind: 'symbols',
      concerns: 'crash',
      missing: 'symbols of test_app.exe, 5A9832E5287241C1838ED98914E9B7FF1',
      cost: '3 frames of thread 3060 without function, file and line',
      remedy:
        'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym or test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.pdb in a folder of symbols, or a server that has it (--symbol-server)',
      files: [
        'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym',
        'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.pdb',
        'test_app.exe/45D35F6C2d000/test_app.exe',
      ],
      threads: [3060],
      frames: 3,
      module: { name: 'c:\\test_app.exe', codeIdentifier: '45d35f6c2d000' },
    });
    expect(gaps[1]).toMatchObject({ kind: 'symbols', missing: expect.stringContaining('kernel32.dll') });
  });

  it('name each place once', () => {
    const remedies = gapsOf(corpusBytes('rust-minidump/linux-mini.dmp')).flatMap(({ kind, remedy }) =>
      kind === 'symbols' ? remedy.split(' in a folder')[0]! : [],
    );
    expect(remedies.length).toBeGreaterThan(1);
    for (const remedy of remedies) {
      const places = remedy.split(' or ');
      expect(new Set(places).size).toBe(places.length);
    }
    expect(remedies[0]).toMatch(/^crash\/\w+\/crash\.sym or \.build-id\/f1\/\w+\.debug$/);
  });

  it('of modules that have their symbols are none', () => {
    const gaps = gapsOf(corpusBytes('rust-minidump/test.dmp'), corpus('rust-minidump/symbols'));
    expect(gaps.filter(({ module }) => module?.name === 'c:\\test_app.exe')).toEqual([]);
  });

  it('are lines, where a stripped program names functions only, and callers that are guesses', () => {
    // Alone in a folder: beside it lies its debug file.
    const program = join(temporaryFolder(), 'crash');
    copyFileSync(corpus('symbolic/linux/crash'), program);
    const gaps = gapsOf(corpusBytes('rust-minidump/linux-mini.dmp'), program);
    expect(gaps[0]).toMatchObject({
      kind: 'lines',
      missing: 'files and lines of crash: crash has function names only',
      remedy: expect.stringContaining('.build-id/f1/c3bcc0279865fe3058404b2831d9e64135386c.debug'),
    });
    expect(gaps[1]).toMatchObject({ kind: 'symbols', cost: expect.stringContaining('found by scanning') });
    // With its debug file nothing of it is missing.
    const whole = gapsOf(
      corpusBytes('rust-minidump/linux-mini.dmp'),
      program,
      corpus('symbolic/linux/crash.debug'),
    );
    expect(whole.filter(({ module }) => module?.name.endsWith('/crash'))).toEqual([]);
  });

  it('are memory and streams behind the end of a file that was cut', () => {
    const bytes = corpusBytes('symbolicator/linux.dmp');
    const dump = Minidump.openSync(bytes);
    const maps = dump.entry('linuxMaps')!;
    const gaps = gapsOf(bytes.subarray(0, maps.rva + 10));
    expect(gaps.find(({ kind, stream }) => kind === 'broken-stream' && stream === 'LinuxMaps')).toMatchObject(
      {
        missing: `LinuxMaps, which is broken: it ends at ${maps.rva + maps.dataSize}, the file at ${maps.rva + 10}`,
        remedy: 'the whole file: copy it again from where it was written',
      },
    );
    // Crashpad writes the memory last.
    const crashpad = corpusBytes('breakpad/minidump_crashpad_annotation.dmp');
    const cut = gapsOf(crashpad.subarray(0, crashpad.length - 100_000));
    expect(cut.find(({ kind }) => kind === 'file-end')?.missing).toMatch(
      /bytes of memory, of \d+ ranges?, behind/,
    );
  });

  it('of damaged dumps are texts, or a MinidumpError when the dump is opened', () => {
    const random = generator(5);
    for (const name of corpusDumps().filter((path) => !path.includes('exhaustion'))) {
      const bytes = corpusBytes(name);
      const places = [0, ...Minidump.openSync(bytes).directory.map(({ rva }) => rva)];
      for (let i = 0; i < 12; i++) {
        const damaged = mutate(bytes, places, random);
        try {
          expect(typeof gapsText(gapsOf(damaged))).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(MinidumpError);
          expect(() => Minidump.openSync(damaged)).toThrow(MinidumpError);
        }
      }
    }
  });

  it('of symbols that do not fit say so', () => {
    const text = readFileSync(corpusPath('symbolic/linux/crash.sym'), 'latin1');
    const folder = temporaryFolder();
    const other = text.replace('C0BCC3F19827FE653058404B2831D9E60', '00000000000000000000000000000ABC0');
    expect(other).not.toBe(text);
    const place = join(folder, 'crash', 'C0BCC3F19827FE653058404B2831D9E60');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'crash.sym'), other);
    const [first] = gapsOf(corpusBytes('rust-minidump/linux-mini.dmp'), folder);
    expect(first).toMatchObject({ kind: 'symbols' });
    expect(first!.missing).toMatch(/found and not used: .*crash\.sym: it is of another build/);
  });
});

describe('a dump with hardly anything in it', () => {
  it('lacks what every report is made of', () => {
    const [first, second, third] = gapsOf(new DumpBuilder().build());
    expect([first, second, third].map((gap) => gap?.stream)).toEqual([
      'SystemInfoStream',
      'ThreadListStream',
      'ModuleListStream',
    ]);
  });

  it('has a note where nothing crashed, and none where something did', () => {
    const system = { PlatformId: 0x8201, ProcessorArchitecture: 9 };
    const notes = (bytes: Uint8Array) => gapsOf(bytes).filter(({ concerns }) => concerns === 'note');
    expect(notes(smallDump(system).build())).toMatchObject([{ kind: 'exception' }]);
    expect(notes(smallDump(system, exceptionRecord(11)).build())).toEqual([]);
  });

  it('names a stream that cannot be read', () => {
    const bytes = new DumpBuilder().stream(StreamType.SystemInfoStream, new Uint8Array(3)).build();
    expect(gapsOf(bytes)[0]).toMatchObject({ kind: 'broken-stream', stream: 'SystemInfoStream' });
  });
});

it('nothing is missing: one line says so', () => {
  expect(gapsText([])).toBe('Nothing is missing: all stacks have their symbols and their memory.');
});
