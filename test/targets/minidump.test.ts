import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BytesSink,
  BytesSource,
  encodeMemory64List,
  encodeMemoryList,
  encodeModuleList,
  encodeString,
  encodeThreadExList,
  encodeThreadList,
  encodeThreadNames,
  type FileFilterOptions,
  type FileFilterReport,
  filterMinidump,
  MINIDUMP_EXCEPTION_STREAM,
  MINIDUMP_HANDLE_DATA_STREAM,
  MINIDUMP_HANDLE_DESCRIPTOR_2,
  MINIDUMP_HANDLE_OBJECT_INFORMATION,
  MINIDUMP_SYSTEM_INFO,
  MINIDUMP_THREAD_INFO,
  MINIDUMP_TYPE,
  Minidump,
  MinidumpCrashpadInfo,
  MinidumpError,
  ProcessorArchitecture,
  StreamType,
  THREAD_WRITE_FLAGS,
  toJson,
  writeMinidump,
} from '../../dist/index.js';
import { mdmp, mdmpJson } from '../cli/command.js';
import { DumpBuilder } from '../reader/build-dump.js';
import { corpusBytes, corpusDumps, corpusPath } from '../reader/corpus.js';
import { fuzzSeeds, generator, mutate } from '../reader/mutations.js';
import { toBigEndian } from '../reader/swap.js';
import { minidumpDump, minidumpStackwalk, rustDump } from '../support/judges.js';
import { compile, Program, removeFolders, stopPrograms, temporaryFolder } from '../support/programs.js';
import { describeWith, needsBuild, needsCorpus, needsLinux } from '../support/tools.js';

const SECRET = 'correct-horse-battery-staple-71';
const { MiniDumpWithFullMemory, MiniDumpIgnoreInaccessibleMemory } = MINIDUMP_TYPE;

afterEach(async () => {
  await stopPrograms();
  removeFolders();
});

/** Filters bytes; gives the new ones and what the report says. */
async function filtered(
  input: Uint8Array | Blob | string,
  options: FileFilterOptions = {},
): Promise<{ bytes: Uint8Array; dump: Minidump; report: FileFilterReport }> {
  const sink = new BytesSink();
  const report = await filterMinidump(input, sink, options);
  const bytes = sink.bytes();
  expect(report.size).toBe(bytes.length);
  return { bytes, dump: Minidump.openSync(bytes), report };
}

async function failure(input: Uint8Array, options: FileFilterOptions = {}): Promise<MinidumpError> {
  const error = await filtered(input, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MinidumpError);
  return error as MinidumpError;
}

const count = (bytes: Uint8Array, needle: Uint8Array | string): number => {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const wanted = Buffer.from(needle as string);
  let found = 0;
  for (let at = haystack.indexOf(wanted); at >= 0; at = haystack.indexOf(wanted, at + 1)) found++;
  return found;
};
const wide = (text: string) => new Uint8Array(Buffer.from(text, 'utf16le'));
const ascii = (text: string) => new TextEncoder().encode(text);

/** What a tool prints, without the places in the file, and without the time in front of its messages. */
const withoutPlaces = (text: string) =>
  text.replaceAll(/(rva\w* *= ?)(?:0x)?[0-9a-f]+/gi, '$1…').replaceAll(/^\d{4}-\d\d-\d\d[T ]\S+ /gm, '');

/** Streams that hold no reference to another part of the file. */
const POINTING = new Set<number>([
  ...[StreamType.UnusedStream, StreamType.ThreadListStream, StreamType.ThreadExListStream],
  ...[StreamType.ModuleListStream, StreamType.MemoryListStream, StreamType.Memory64ListStream],
  ...[StreamType.ExceptionStream, StreamType.SystemInfoStream, StreamType.HandleDataStream],
  ...[StreamType.UnloadedModuleListStream, StreamType.ThreadNamesStream, StreamType.CrashpadInfoStream],
  ...[StreamType.LinuxDsoDebug, StreamType.MozMacosCrashInfoStream, StreamType.MozMacosBootargsStream],
  StreamType.WineElfModuleList,
]);

/** Made by a fuzzer: their directories are garbage. */
const GARBAGE = ['rust-minidump/invalid-range.dmp', 'rust-minidump/invalid-record-count.dmp'];

/** All that the reader says of a dump, without the places in the file. */
function reading(dump: Minidump): string {
  const places = /^(?:\w*Rva(?:OfThreadName)?|rva|map|bootargs|name|key|value)$/;
  return JSON.stringify(
    dump.directory
      .filter(({ streamType }) => streamType !== StreamType.UnusedStream)
      .map((entry) => {
        const { streamType } = entry;
        return [streamType, streamType === StreamType.Memory64ListStream ? [] : toJson(dump.readSync(entry))];
      }),
    (key, value) =>
      places.test(key) && typeof value !== 'object' && /^(?:0x[0-9a-f]+|\d+)$/.test(String(value))
        ? 0
        : value,
  );
}

describeWith([needsCorpus, needsBuild], 'a dump that is filtered with nothing to do', () => {
  it.each(corpusDumps())('%s: streams come through, and say the same to the reader', async (name) => {
    const original = corpusBytes(name);
    const before = Minidump.openSync(original);
    const { bytes, dump, report } = await filtered(original);
    const { littleEndian, header } = dump;
    expect({
      littleEndian,
      version: header.Version,
      time: header.TimeDateStamp,
      flags: header.Flags,
    }).toEqual({
      littleEndian: before.littleEndian,
      version: before.header.Version,
      time: before.header.TimeDateStamp,
      flags: before.header.Flags,
    });
    if (GARBAGE.includes(name)) {
      expect(report.warnings.join()).toContain('reaches past the end of the file; it is left out');
    } else {
      expect(report.warnings).toEqual([]);
      expect(dump.directory.map(({ streamType, dataSize }) => [streamType, dataSize])).toEqual(
        before.directory.map(({ streamType, dataSize }) => [
          streamType,
          streamType === StreamType.UnusedStream ? 0 : dataSize,
        ]),
      );
      expect(reading(dump)).toBe(reading(before));
      for (const entry of before.directory) {
        if (POINTING.has(entry.streamType)) continue;
        const same = Buffer.compare(before.bytesSync(entry), dump.bytesSync(dump.directory[entry.index]!));
        expect(same, entry.name).toBe(0);
      }
      const memory = before.memorySync();
      expect(
        dump
          .memorySync()
          .ranges()
          .map(({ start, end }) => [start, end]),
      ).toEqual(memory.ranges().map(({ start, end }) => [start, end]));
      for (const { start, end } of memory.ranges()) {
        const size = Number(end - start);
        expect(Buffer.compare(dump.memorySync().readSync(start, size), memory.readSync(start, size))).toBe(0);
      }
    }
    // Once more, nothing changes at all.
    expect(Buffer.compare((await filtered(bytes)).bytes, bytes)).toBe(0);
    expect(bytes.length).toBeLessThan(original.length + 1000);
  });

  it('is read as it comes, also from a source that answers later', async () => {
    const bytes = corpusBytes('breakpad/minidump2.dmp');
    expect((await filtered(new Blob([bytes.slice()]))).bytes).toEqual((await filtered(bytes)).bytes);
  });
});

describeWith(['minidump_dump', needsCorpus, needsBuild], 'to Breakpad a filtered dump', () => {
  it.each(corpusDumps().filter((name) => !GARBAGE.includes(name)))('%s says what it said', async (name) => {
    const file = join(temporaryFolder(), 'filtered.dmp');
    await filterMinidump(corpusPath(name), file);
    const [before, after] = [await minidumpDump(corpusPath(name)), await minidumpDump(file)];
    expect(withoutPlaces(after.stdout)).toBe(withoutPlaces(before.stdout));
    expect({ ...after, stdout: '', complaints: [] }.status).toBe(before.status);
    expect(after.complaints.length).toBe(before.complaints.length);
  });
});

describeWith(['minidump-stackwalk', needsCorpus, needsBuild], 'to rust-minidump a filtered dump', () => {
  it.each(corpusDumps().filter((name) => !GARBAGE.includes(name)))('%s says what it said', async (name) => {
    const file = join(temporaryFolder(), 'filtered.dmp');
    await filterMinidump(corpusPath(name), file);
    expect(withoutPlaces(await rustDump(file))).toBe(withoutPlaces(await rustDump(corpusPath(name))));
  });
});

describeWith([needsCorpus, needsBuild], 'a big-endian dump', () => {
  it('is filtered in its own byte order', async () => {
    const bytes = toBigEndian(corpusBytes('breakpad/minidump2.dmp'));
    const { dump } = await filtered(bytes, { callbacks: { module: ({ path }) => !/ntdll/.test(path) } });
    expect(dump.littleEndian).toBe(false);
    const before = Minidump.openSync(bytes);
    const names = before.getSync('modules')!.map(({ name }) => name);
    expect(names.some((name) => name!.includes('ntdll'))).toBe(true);
    expect(dump.getSync('modules')!.map(({ name }) => name)).toEqual(
      names.filter((name) => !/ntdll/.test(name!)),
    );
    expect(reading((await filtered(bytes)).dump)).toBe(reading(before));
    const thread = dump.getSync('threads')![0]!;
    const memory = dump.memorySync().readSync(thread.Stack.StartOfMemoryRange, thread.Stack.Memory.DataSize);
    expect(memory.length).toBe(thread.Stack.Memory.DataSize);
  });
});

describeWith([needsCorpus, needsBuild], 'a callback that filters a dump', () => {
  it('leaves modules out of every list, and Crashpad’s annotations follow', async () => {
    const bytes = corpusBytes('breakpad/minidump_crashpad_annotation.dmp');
    const before = Minidump.openSync(bytes);
    const modules = before.getSync('modules')!;
    const annotated = before.getSync('crashpadInfo')!.modules;
    expect(annotated.length).toBeGreaterThan(0);
    const first = annotated[0]!.moduleIndex;
    // All modules before the annotated one go; then it goes itself.
    const later = await filtered(bytes, {
      callbacks: {
        module: ({ base }) => modules.findIndex(({ BaseOfImage }) => BaseOfImage === base) >= first,
      },
    });
    const info = later.dump.getSync('crashpadInfo')!;
    expect(info.problems).toEqual([]);
    expect(info.modules[0]).toEqual({ ...annotated[0], moduleIndex: 0 });
    expect(later.dump.getSync('modules')![0]!.name).toBe(modules[first]!.name);
    expect(later.report.modules).toEqual({ written: modules.length - first, excluded: first });
    const without = await filtered(bytes, {
      callbacks: { includeModule: ({ base }) => base !== modules[first]!.BaseOfImage },
    });
    expect(without.dump.getSync('crashpadInfo')!.modules).toHaveLength(annotated.length - 1);
  });

  it('leaves threads out of every list, with their stacks and registers', async () => {
    const bytes = corpusBytes('breakpad/thread_name_list.dmp');
    const before = Minidump.openSync(bytes);
    const threads = before.getSync('threads')!;
    expect(threads.length).toBeGreaterThan(1);
    const gone = threads[0]!;
    const { dump } = await filtered(bytes, {
      callbacks: { includeThread: ({ id }) => id !== gone.ThreadId },
    });
    expect(
      dump.getSync('threads')!.map(({ ThreadId, name, context }) => [ThreadId, name, context?.bytes]),
    ).toEqual(threads.slice(1).map(({ ThreadId, name, context }) => [ThreadId, name, context?.bytes]));
    expect(dump.getSync('threadNames')!.map(({ ThreadId }) => ThreadId)).not.toContain(gone.ThreadId);
    expect(dump.memorySync().readSync(gone.Stack.StartOfMemoryRange, 8)).toHaveLength(0);
  });

  it('leaves registers, stacks and records out by flags', async () => {
    const bytes = corpusBytes('breakpad/thread_name_list.dmp');
    const { ThreadWriteContext, ThreadWriteStack } = THREAD_WRITE_FLAGS;
    const { dump } = await filtered(bytes, {
      callbacks: { thread: ({ flags }) => flags & ~(ThreadWriteContext | ThreadWriteStack), module: () => 1 },
    });
    for (const { ThreadContext, Stack } of dump.getSync('threads')!) {
      expect([ThreadContext, Stack.Memory]).toEqual([
        { DataSize: 0, Rva: 0 },
        { DataSize: 0, Rva: 0 },
      ]);
    }
    for (const { CvRecord, name } of dump.getSync('modules')!) {
      expect(CvRecord).toEqual({ DataSize: 0, Rva: 0 });
      expect(name).not.toBe('');
    }
    // The registers of the exception are registers of its thread.
    if (dump.entry('exception')) expect(dump.getSync('exception')!.context).toBe(undefined);
  });

  it('sees what the dump has, and can cancel', async () => {
    const bytes = corpusBytes('breakpad/minidump2.dmp');
    const before = Minidump.openSync(bytes);
    const seen: unknown[] = [];
    await filtered(bytes, {
      callbacks: {
        thread: ({ id, context, stackBase }) => {
          seen.push([id, context.length, stackBase]);
          return true;
        },
      },
    });
    expect(seen).toEqual(
      before
        .getSync('threads')!
        .map(({ ThreadId, ThreadContext, Stack }) => [
          ThreadId,
          ThreadContext.DataSize,
          Stack.StartOfMemoryRange,
        ]),
    );
    expect((await failure(bytes, { callbacks: { cancel: () => true } })).code).toBe('cancelled');
  });

  it('cuts paths where the type says so', async () => {
    const { dump } = await filtered(corpusBytes('breakpad/minidump2.dmp'), {
      type: MINIDUMP_TYPE.MiniDumpFilterModulePaths,
    });
    const names = dump.getSync('modules')!.map(({ name }) => name);
    expect(names).toContain('ntdll.dll');
    expect(names.join()).not.toMatch(/[\\/]/);
    const linux = await filtered(corpusBytes('breakpad/linux_overflow.dmp'), {
      type: MINIDUMP_TYPE.MiniDumpFilterModulePaths,
    });
    expect(
      linux.dump
        .getSync('linuxMaps')!
        .map(({ path }) => path)
        .join(),
    ).not.toContain('/');
    expect(
      linux.dump
        .getSync('linuxDsoDebug')!
        .objects.map(({ name }) => name)
        .join(),
    ).not.toContain('/');
  });
});

describeWith([needsCorpus, needsBuild], 'streams that are dropped', () => {
  it('are gone, with what only they point to', async () => {
    const bytes = corpusBytes('breakpad/linux_overflow.dmp');
    const before = Minidump.openSync(bytes);
    const environment = before.bytesSync(before.entry('linuxEnvironment')!);
    const objects = before.getSync('linuxDsoDebug')!.objects.map(({ name }) => name!);
    const {
      bytes: after,
      dump,
      report,
    } = await filtered(bytes, {
      dropStreams: ['LinuxEnviron', 'linux-dso-debug', StreamType.ModuleListStream, '0x47670009'],
    });
    expect(report.dropped.map(({ name }) => name).sort()).toEqual([
      'LinuxDsoDebug',
      'LinuxEnviron',
      'LinuxMaps',
      'ModuleListStream',
    ]);
    expect(dump.directory).toHaveLength(before.directory.length - 4);
    // The stack has it, too.
    expect(count(bytes, environment)).toBe(2);
    expect(count(after, environment)).toBe(1);
    const library = wide(objects.find((name) => name.endsWith('.so.6'))!);
    expect(count(bytes, library)).toBeGreaterThan(0);
    expect(count(after, library)).toBe(0);
  });

  it('are told from misspelt ones, and from those that are not there', async () => {
    const bytes = corpusBytes('breakpad/minidump2.dmp');
    expect(await failure(bytes, { dropStreams: ['LinuxEnvrion'] })).toMatchObject({
      code: 'invalid-argument',
      message: "there is no stream 'LinuxEnvrion'",
    });
    const { report } = await filtered(bytes, { dropStreams: ['LinuxEnviron'] });
    expect(report.warnings).toEqual(['the dump has no LinuxEnviron, so none was left out']);
  });

  it('take the memory along when they are its list, but not the stacks', async () => {
    const bytes = corpusBytes('breakpad/minidump2.dmp');
    const { dump } = await filtered(bytes, { dropStreams: ['MemoryList'] });
    expect(dump.entry('memoryList')).toBe(undefined);
    const stacks = dump.getSync('threads')!.map(({ Stack }) => Stack);
    expect(stacks.every(({ Memory }) => Memory.DataSize > 0 && Memory.Rva > 0)).toBe(true);
    expect(dump.memorySync().ranges()).toHaveLength(stacks.length);
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'the secret of a live process', () => {
  it('in the environment goes with its memory, where optional data is left out', async () => {
    const program = await Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: SECRET } });
    const file = join(temporaryFolder(), 'a.dmp');
    const { address, length } = program.range('environment');
    await writeMinidump(program.pid, file, { type: MINIDUMP_TYPE.MiniDumpWithProcessThreadData });
    const at = async (dump: Minidump) => Buffer.from(await (await dump.memory()).read(address, length));
    expect((await at(await Minidump.open(readFileSync(file)))).toString()).toBe(SECRET);
    for (const type of [MINIDUMP_TYPE.MiniDumpWithoutOptionalData, MINIDUMP_TYPE.MiniDumpFilterTriage]) {
      const { dump } = await filtered(file, { type });
      expect((await at(dump)).every((byte) => byte === 0)).toBe(true);
      expect(dump.entry('linuxEnvironment')).toBeUndefined();
    }
    // Without the stream only, the memory stays; and the report says so.
    const { dump, report } = await filtered(file, { dropStreams: ['LinuxEnviron'] });
    expect((await at(dump)).toString()).toBe(SECRET);
    expect(report.limits.join()).toContain('without-optional-data');
  });

  const start = async () => Program.start(await compile('secret'), [], { env: { MDMP_TEST_SECRET: SECRET } });
  const full = MiniDumpWithFullMemory | MiniDumpIgnoreInaccessibleMemory;

  it.each([
    ['normal', MINIDUMP_TYPE.MiniDumpNormal],
    ['full memory', full],
  ])('is scrubbed out of a dump (%s), also in UTF-16', async (_, type) => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    const heap = program.range('heap16');
    await writeMinidump(program.pid, file, {
      type,
      callbacks: { memory: () => [{ address: heap.address, size: heap.length }] },
    });
    const original = readFileSync(file);
    expect(count(original, SECRET)).toBeGreaterThan(2);
    expect(count(original, wide(SECRET))).toBe(1);
    const { bytes, dump, report } = await filtered(file, {
      scrub: [SECRET, /not to be found anywhere \d{9}/],
    });
    expect(count(bytes, SECRET)).toBe(0);
    expect(count(bytes, wide(SECRET))).toBe(0);
    expect(report.scrubbed[0]).toMatchObject({
      pattern: `a text of ${SECRET.length} characters`,
      streams: { LinuxEnviron: 1 },
      count: count(original, SECRET) + 1,
    });
    expect(JSON.stringify(toJson(report))).not.toContain(SECRET);
    expect(report.scrubbed[1]).toMatchObject({ count: 0, memory: [] });
    expect(report.limits.length).toBeGreaterThan(0);
    expect(report.scrubbed[0]!.memory).toContainEqual({ address: heap.address, size: BigInt(heap.length) });
    expect(dump.getSync('linuxEnvironment')).toContain(`MDMP_TEST_SECRET=${'*'.repeat(SECRET.length)}`);
    expect(new TextDecoder('utf-16le').decode(dump.memorySync().readSync(heap.address, heap.length))).toBe(
      '*'.repeat(SECRET.length),
    );
  });

  it('is removed by a callback as from the process, from the environment stream, too', async () => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file, { type: full });
    const places = ['environment', 'heap', 'heap16', 'static', 'stack', 'thread-stack'].map((name) =>
      program.range(name),
    );
    const { bytes, report } = await filtered(file, {
      callbacks: { removeMemory: () => places.map(({ address, length }) => ({ address, size: length })) },
    });
    expect(count(bytes, wide(SECRET))).toBe(0);
    const left = count(bytes, SECRET);
    // What the program did not tell of (a buffer of the C library) is still there: found by address, in no stream.
    const dump = Minidump.openSync(bytes);
    const environment = dump.bytesSync(dump.entry('linuxEnvironment')!);
    expect(count(environment, SECRET)).toBe(0);
    expect(count(environment, 'MDMP_TEST_SECRET=\0\0\0\0')).toBe(1);
    expect(left).toBeLessThan(count(readFileSync(file), SECRET) - places.length + 1);
    expect(report.removed.length).toBeGreaterThan(0);
    for (const { address, length } of places) {
      const memory = dump.memorySync().readSync(address, length);
      expect(memory.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('is removed from the environment stream where its memory is not in the dump', async () => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file);
    const { address, length } = program.range('environment');
    const callbacks = { removeMemory: () => [{ address, size: length }] };
    const { dump, report } = await filtered(file, { callbacks });
    expect(dump.memorySync().readSync(address, 1)).toHaveLength(0);
    expect(count(dump.bytesSync(dump.entry('linuxEnvironment')!), SECRET)).toBe(0);
    expect(report.warnings).toEqual([]);
    // Without the streams that tell where it is, the report says so.
    const blind = await filtered(file, { dropStreams: ['LinuxProcStat', 'LinuxAuxv'] });
    const { report: warned } = await filtered(blind.bytes, { callbacks });
    expect(warned.warnings.join()).toContain('the address of LinuxEnviron in the process is not known');
  });

  it('is scrubbed by VmPostRead, from the environment stream, too', async () => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file);
    const { bytes, report } = await filtered(file, {
      callbacks: {
        vmPostRead: ({ buffer }) => {
          const found = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
          for (let at = found.indexOf(SECRET); at >= 0; at = found.indexOf(SECRET, at + 1)) {
            buffer.fill(0x78, at, at + SECRET.length);
          }
        },
      },
    });
    expect(report.warnings).toEqual([]);
    expect(count(bytes, SECRET)).toBe(0);
    expect(count(bytes, `MDMP_TEST_SECRET=${'x'.repeat(SECRET.length)}`)).toBe(1);
  });

  it('is text, and goes with all text; the stacks can still be walked', async () => {
    const program = await start();
    const folder = temporaryFolder();
    const [file, clean] = [join(folder, 'live.dmp'), join(folder, 'clean.dmp')];
    await writeMinidump(program.pid, file, { type: full });
    const report = await filterMinidump(file, clean, { redactStrings: true });
    const bytes = readFileSync(clean);
    expect(count(bytes, SECRET)).toBe(0);
    expect(count(bytes, wide(SECRET))).toBe(0);
    expect(report.strings!.runs).toBeGreaterThan(100);
    expect(report.strings!.variables).toBeGreaterThan(0);
    const dump = Minidump.openSync(bytes);
    expect(dump.getSync('linuxEnvironment')).toContain(`MDMP_TEST_SECRET=${'*'.repeat(SECRET.length)}`);
    expect(dump.getSync('modules')![0]!.name).toMatch(/secret/);
  });

  it('is not in what is kept beside stacks', async () => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file, { type: full });
    const kept = program.range('neighbour');
    const { dump } = await filtered(file, {
      stacksOnly: true,
      callbacks: { memory: () => [{ address: kept.address, size: kept.length }] },
    });
    expect(new TextDecoder().decode(dump.memorySync().readSync(kept.address, 65))).toBe('n'.repeat(64));
    const { address } = program.range('heap');
    expect(dump.memorySync().readSync(address, 1)).toHaveLength(0);
    expect(dump.memorySync().readSync(program.range('stack').address, 8)).toHaveLength(8);
  });

  it('is no pointer, and goes from stacks where only pointers stay', async () => {
    const program = await start();
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file);
    const type = MINIDUMP_TYPE.MiniDumpFilterMemory;
    const { bytes, dump } = await filtered(file, { type, dropStreams: ['LinuxEnviron'] });
    expect(count(readFileSync(file), SECRET)).toBeGreaterThan(2);
    expect(count(bytes, SECRET)).toBe(0);
    expect(dump.header.Flags & BigInt(type)).toBe(BigInt(type));
    const { Stack } = dump.getSync('threads')![0]!;
    const { StartOfMemoryRange: start_, Memory } = Stack;
    const stack = dump.memorySync().readSync(start_, Memory.DataSize);
    const view = new DataView(stack.buffer, stack.byteOffset, stack.length);
    const modules = dump.getSync('modules')!;
    let returns = 0;
    for (let at = Number((8n - (start_ % 8n)) % 8n); at + 8 <= stack.length; at += 8) {
      const word = view.getBigUint64(at, true);
      if (
        modules.some(
          ({ BaseOfImage, SizeOfImage }) => word >= BaseOfImage && word < BaseOfImage + BigInt(SizeOfImage),
        )
      )
        returns++;
    }
    expect(returns).toBeGreaterThan(3);
  });

  it('is on the command line, too', async () => {
    const program = await Program.start(await compile('target'), [`--token=${SECRET}`, '--verbose', SECRET]);
    const file = join(temporaryFolder(), 'live.dmp');
    await writeMinidump(program.pid, file);
    const { dump, report } = await filtered(file, { redactStrings: true });
    const stars = '*'.repeat(SECRET.length);
    expect(dump.getSync('linuxCommandLine')!.slice(1)).toEqual([`--token=${stars}`, '--verbose', stars]);
    expect(report.strings).toMatchObject({ arguments: 2 });
  });
});

describeWith(
  ['gcc', 'minidump_stackwalk', 'minidump_dump', needsLinux, needsBuild],
  'a live dump that was filtered',
  () => {
    it.each([{ stacksOnly: true }, { redactStrings: true }] as FileFilterOptions[])(
      '%j is still walked by Breakpad as before',
      async (options) => {
        const program = await Program.start(await compile('threads100'));
        const folder = temporaryFolder();
        const [file, small] = [join(folder, 'live.dmp'), join(folder, 'small.dmp')];
        await writeMinidump(program.pid, file, {
          type: MiniDumpWithFullMemory | MiniDumpIgnoreInaccessibleMemory,
        });
        const report = await filterMinidump(file, small, options);
        const [before, after] = [await minidumpStackwalk(file), await minidumpStackwalk(small)];
        expect(after.frames.length).toBe(100);
        const depth = (frames: typeof after.frames) => frames.map((thread) => thread.length);
        if (options.stacksOnly) {
          expect(statSync(small).size).toBeLessThan(statSync(file).size / 4);
          const { Flags } = Minidump.openSync(readFileSync(small)).header;
          expect(Flags & BigInt(MiniDumpWithFullMemory)).toBe(0n);
          expect((await minidumpDump(small)).memory.length).toBe(report.memory.ranges);
        }
        expect(depth(after.frames)).toEqual(depth(before.frames));
        expect(after.frames.map((thread) => thread.map(({ module }) => module))).toEqual(
          before.frames.map((thread) => thread.map(({ module }) => module)),
        );
      },
    );
  },
);

/** A dump of a 64-bit process with nothing but memory, in pieces. */
function memoryDump(
  pieces: readonly [address: bigint, bytes: Uint8Array][],
  list: 'narrow' | 'wide' = 'narrow',
) {
  const builder = new DumpBuilder();
  builder.stream(
    StreamType.SystemInfoStream,
    MINIDUMP_SYSTEM_INFO.encode({
      ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
      PlatformId: 0x8201,
    }),
  );
  const places = pieces.map(([StartOfMemoryRange, bytes]) => ({
    StartOfMemoryRange,
    Memory: builder.add(bytes),
  }));
  if (list === 'narrow') return builder.stream(StreamType.MemoryListStream, encodeMemoryList(places));
  return builder.stream(
    StreamType.Memory64ListStream,
    encodeMemory64List(
      BigInt(places[0]!.Memory.Rva),
      places.map(({ StartOfMemoryRange, Memory }) => ({
        StartOfMemoryRange,
        DataSize: BigInt(Memory.DataSize),
      })),
    ),
  );
}

const MIB = 1 << 20;

describeWith([needsBuild], 'values that are scrubbed', () => {
  it.each(['narrow', 'wide'] as const)(
    'are found across the border of two ranges (%s list)',
    async (list) => {
      const whole = ascii(`before ${SECRET} behind`);
      const { bytes, dump, report } = await filtered(
        memoryDump(
          [
            [0x20000n, whole.subarray(20)],
            [0x20000n - 20n, whole.subarray(0, 20)],
          ],
          list,
        ).build(),
        { scrub: [SECRET] },
      );
      expect(report.scrubbed[0]).toMatchObject({ count: 1, memoryCount: 1 });
      const memory = dump.memorySync().readSync(0x20000n - 20n, whole.length);
      expect(new TextDecoder().decode(memory)).toBe(`before ${'*'.repeat(SECRET.length)} behind`);
      expect(count(bytes, SECRET.slice(-8))).toBe(0);
    },
  );

  it.each([
    ['a text', SECRET],
    ['an expression', /correct-[a-z-]+-\d+/],
    ['an expression in capitals', /CORRECT-[A-Z-]+-\d+/i],
  ])('are found wherever memory is read in pieces: %s', async (_, pattern) => {
    const bytes = new Uint8Array(3 * MIB + 100).fill(0x2d);
    // Across a border, up to one, from one on, and elsewhere.
    const used = [MIB - 20, 2 * MIB - SECRET.length, 3 * MIB, 3 * MIB + 60];
    for (const place of used) {
      bytes.set(ascii(' '), place - 1);
      bytes.set(ascii(SECRET), place);
      bytes.set(ascii(' '), place + SECRET.length);
    }
    const wideAt = MIB / 2 + 1;
    bytes.set(wide(SECRET), wideAt);
    bytes.set([0, 0x20], wideAt + SECRET.length * 2);
    const {
      dump,
      bytes: after,
      report,
    } = await filtered(memoryDump([[0x100000n, bytes]]).build(), { scrub: [pattern] });
    expect(count(after, SECRET)).toBe(0);
    expect(count(after, wide(SECRET))).toBe(0);
    expect(report.scrubbed[0]!.count).toBe(used.length + 1);
    expect(
      report.scrubbed[0]!.memory.map(({ address }) => Number(address - 0x100000n)).sort((a, b) => a - b),
    ).toEqual([wideAt, ...used].sort((a, b) => a - b));
    // Nothing else was touched.
    const expected = bytes.slice();
    for (const place of used) expected.fill(0x2a, place, place + SECRET.length);
    for (let i = 0; i < SECRET.length; i++) expected.set([0x2a, 0], wideAt + i * 2);
    expect(Buffer.compare(dump.memorySync().readSync(0x100000n, bytes.length), expected)).toBe(0);
  });

  it('are found in UTF-8 and in UTF-16 of either byte order', async () => {
    const text = 'Schlüssel-😀-geheim';
    const swapped = wide(text).map((_, i, all) => all[i ^ 1]!);
    const parts = [ascii(text), wide(text), swapped];
    const all = Buffer.concat(parts.map((part) => Buffer.concat([part, Buffer.alloc(9, 0xff)])));
    for (const scrub of [[text], [/schlüssel-.{1,3}-geheim/i]]) {
      const { dump, report } = await filtered(memoryDump([[0x1000n, new Uint8Array(all)]]).build(), {
        scrub,
      });
      const memory = dump.memorySync().readSync(0x1000n, all.length);
      expect(count(memory, ascii(text))).toBe(0);
      expect(count(memory, wide(text))).toBe(0);
      // An expression is looked for in the byte order of the dump only.
      const isText = typeof scrub[0] === 'string';
      expect(count(memory, swapped)).toBe(isText ? 0 : 1);
      expect(report.scrubbed[0]!.count).toBe(isText ? 3 : 2);
      expect(count(memory, new Uint8Array(9).fill(0xff))).toBe(3);
    }
  });

  it('are found in streams, their strings, and registers, whose lengths stay', async () => {
    const builder = new DumpBuilder();
    const context = new Uint8Array(1232);
    new DataView(context.buffer).setUint32(0x30, 0x10000b, true);
    context.set(ascii(SECRET.slice(0, 16)), 0x1a0);
    const name = builder.add(encodeString(`/opt/${SECRET}/lib.so`));
    const threadName = builder.add(encodeString(SECRET));
    const bytes = builder
      .stream(
        StreamType.ThreadListStream,
        encodeThreadList([{ ThreadId: 7, ThreadContext: builder.add(context) }]),
      )
      .stream(
        StreamType.ThreadNamesStream,
        encodeThreadNames([{ ThreadId: 7, RvaOfThreadName: BigInt(threadName.Rva) }]),
      )
      .stream(
        StreamType.ModuleListStream,
        encodeModuleList([{ BaseOfImage: 0x1000n, ModuleNameRva: name.Rva }]),
      )
      .stream(0x12345678, ascii(`user: ${SECRET}`))
      .build();
    const { dump, report } = await filtered(bytes, { scrub: [SECRET, SECRET.slice(0, 16)] });
    const stars = '*'.repeat(SECRET.length);
    expect(dump.getSync('modules')![0]!.name).toBe(`/opt/${stars}/lib.so`);
    expect(dump.getSync('threads')![0]!.name).toBe(stars);
    expect(new TextDecoder().decode(dump.bytesSync(dump.entry(0x12345678)!))).toBe(`user: ${stars}`);
    expect(dump.getSync('threads')![0]!.context!.bytes.subarray(0x1a0, 0x1b0)).toEqual(
      new Uint8Array(16).fill(0x2a),
    );
    expect(report.scrubbed[0]!.streams).toEqual({
      ThreadNamesStream: 1,
      ModuleListStream: 1,
      '0x12345678': 1,
    });
    expect(report.scrubbed[1]!.streams.ThreadListStream).toBe(1);
  });

  it('are refused where they are too short, and flags that add something are, too', async () => {
    const bytes = memoryDump([[0x1000n, ascii(SECRET)]]).build();
    expect(await failure(bytes, { scrub: ['abc'] })).toMatchObject({ code: 'invalid-argument' });
    expect(await failure(bytes, { type: MiniDumpWithFullMemory })).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('MiniDumpWithFullMemory cannot be added'),
    });
  });
});

describeWith([needsBuild], 'text in memory', () => {
  it.each(['narrow', 'wide'] as const)(
    'is no pointer on a stack over two ranges of a %s list',
    async (list) => {
      const memory = new Uint8Array(0x2000);
      memory.set(ascii(SECRET), 0x9fa);
      memory.set(ascii(SECRET), 0x1004);
      memory.set(ascii('elsewhere'), 0x100);
      const builder = memoryDump(
        [
          [0x10000n, memory.subarray(0, 0x1000)],
          [0x11000n, memory.subarray(0x1000)],
        ],
        list,
      );
      const stack = { StartOfMemoryRange: 0x10800n, Memory: { DataSize: 0x1000, Rva: 0 } };
      const nowhere = { StartOfMemoryRange: 0n, Memory: { DataSize: 0, Rva: 0 } };
      const threads = [
        { ThreadId: 7, Stack: stack },
        { ThreadId: 8, Stack: nowhere },
      ];
      builder.stream(StreamType.ThreadListStream, encodeThreadList(threads));
      const { bytes, report } = await filtered(builder.build(), { type: MINIDUMP_TYPE.MiniDumpFilterMemory });
      expect(count(bytes, SECRET)).toBe(0);
      expect(count(bytes, SECRET.slice(0, 8))).toBe(0);
      expect(count(bytes, 'elsewhere')).toBe(1);
      expect(report.warnings).toEqual([expect.stringContaining('knows no stack of 1 thread')]);
    },
  );

  it('is zeroed where it is no pointer, across the pieces that memory is read in', async () => {
    const size = 70 * MIB;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const base = 0x5555_5555_0000n;
    // "UUUUUU" and two zeros: a pointer into this very memory.
    view.setBigUint64(0x100, 0x5555_5555_5555n, true);
    bytes.set(ascii('short'), 0x200);
    bytes.set(ascii('long enough'), 0x300);
    bytes.set(wide('wide enough'), 0x401);
    for (const at of [MIB - 3, MIB, 64 * MIB - 5, 65 * MIB - 1])
      bytes.set(ascii('sixsix'), at + (at === MIB ? 64 : 0));
    const { dump, report } = await filtered(memoryDump([[base, bytes]]).build(), { redactStrings: true });
    const memory = dump.memorySync().readSync(base, size);
    expect(new DataView(memory.buffer, memory.byteOffset).getBigUint64(0x100, true)).toBe(0x5555_5555_5555n);
    memory.fill(0, 0x100, 0x108);
    expect(new TextDecoder().decode(memory.subarray(0x200, 0x205))).toBe('short');
    memory.fill(0, 0x200, 0x205);
    expect(memory.findIndex((byte) => byte !== 0)).toBe(-1);
    expect(report.strings).toMatchObject({ runs: 7, bytes: 11 + 11 + 4 * 6 });
  }, 60_000);
});

describeWith([needsBuild], 'streams that point to others', () => {
  it('that are lists of memory grow by no more than what is removed', async () => {
    const memory = { StartOfMemoryRange: 0x10000n, Memory: { DataSize: 1 << 20, Rva: 0 } };
    const builder = new DumpBuilder();
    memory.Memory.Rva = builder.add(new Uint8Array(1 << 20).fill(1)).Rva;
    const entries = 5_000;
    builder.stream(
      StreamType.MemoryListStream,
      encodeMemoryList(Array.from({ length: entries }, () => memory)),
    );
    const input = builder.build();
    const pieces = 200_000;
    const removeMemory = function* () {
      for (let i = 0; i < pieces / 8; i++) yield { address: 0x10000n + BigInt(i * 32), size: 16 };
    };
    const { bytes, report } = await filtered(input, { callbacks: { removeMemory } });
    expect(report.memory.ranges).toBe(pieces / 8);
    expect(bytes.length).toBeLessThan(2 * input.length);
  });

  it('keep each range once where a list becomes one of 64 bits', async () => {
    const DataSize = 1.5 * 1024 ** 3;
    // Behind the head: zeros.
    const Rva = 4096;
    const order = [0x1_0000_0000n, 0x1_0000_0000n, 0x2_0000_0000n, 0x3_0000_0000n];
    const list = order.map((StartOfMemoryRange) => ({ StartOfMemoryRange, Memory: { DataSize, Rva } }));
    const head = new DumpBuilder().stream(StreamType.MemoryListStream, encodeMemoryList(list)).build();
    const source = {
      size: Rva + DataSize,
      read: (offset: number, length: number) => {
        const bytes = new Uint8Array(length);
        bytes.set(head.subarray(offset, offset + length));
        return bytes;
      },
    };
    const written: Uint8Array[] = [];
    const sink = {
      mayWait: false,
      write: (bytes: Uint8Array) => void (written.length === 0 && written.push(bytes.slice())),
      close: () => {},
      abort: () => {},
    };
    const report = await filterMinidump(source, sink);
    expect(report.memory).toEqual({ ranges: 3, bytes: 3 * DataSize });
    const dump = Minidump.openSync({
      size: report.size,
      read: (offset, length) => {
        const bytes = new Uint8Array(length);
        bytes.set(written[0]!.subarray(offset, offset + length));
        return bytes;
      },
    });
    const { MemoryRanges } = dump.getSync('memory64List')!;
    expect(MemoryRanges.map(({ StartOfMemoryRange }) => StartOfMemoryRange)).toEqual([...new Set(order)]);
  }, 60_000);

  it('share what they shared, and keep duplicates, unused entries and padding', async () => {
    const builder = new DumpBuilder();
    const name = builder.add(encodeString('/usr/lib/shared-by-all.so'));
    const list = encodeModuleList(
      Array.from({ length: 50 }, (_, i) => ({
        BaseOfImage: BigInt(0x1000 * (i + 1)),
        ModuleNameRva: name.Rva,
      })),
    );
    const padded = new Uint8Array(list.length + 4);
    padded.set(list.subarray(0, 4));
    padded.set(list.subarray(4), 8);
    const bytes = builder
      .entry(StreamType.UnusedStream, { Rva: 0, DataSize: 0 })
      .stream(StreamType.ModuleListStream, padded)
      .stream(0x10001, ascii('one'))
      .entry(StreamType.UnusedStream, { Rva: 40, DataSize: 8 })
      .stream(0x10001, ascii('two'))
      .build();
    const { bytes: after, dump } = await filtered(bytes);
    expect(dump.directory.map(({ streamType, dataSize }) => [streamType, dataSize])).toEqual([
      [0, 0],
      [StreamType.ModuleListStream, padded.length],
      [0x10001, 3],
      [0, 0],
      [0x10001, 3],
    ]);
    expect(count(after, wide('/usr/lib/shared-by-all.so'))).toBe(1);
    expect(new Set(dump.getSync('modules')!.map((module) => module.name))).toEqual(
      new Set(['/usr/lib/shared-by-all.so']),
    );
    expect(new TextDecoder().decode(dump.bytesSync(dump.directory[4]!))).toBe('two');
  });

  it('chains of handles are carried, and loops in them end', async () => {
    const builder = new DumpBuilder();
    const size = MINIDUMP_HANDLE_OBJECT_INFORMATION.size;
    const information = (InfoType: number, next: number, data: string) => {
      const bytes = new Uint8Array(size + data.length);
      bytes.set(
        MINIDUMP_HANDLE_OBJECT_INFORMATION.encode({ NextInfoRva: next, InfoType, SizeOfInfo: data.length }),
      );
      bytes.set(ascii(data), size);
      return bytes;
    };
    const second = builder.add(information(2, 0, 'second'));
    const first = builder.add(information(1, second.Rva, 'first'));
    // The next piece points to itself.
    const itself = second.Rva + second.DataSize + first.DataSize;
    const loop = builder.add(information(3, itself, 'round'));
    expect(loop.Rva).toBe(itself);
    const type = builder.add(encodeString('File'));
    const object = builder.add(encodeString('/home/somebody/notes.txt'));
    const head = MINIDUMP_HANDLE_DATA_STREAM.encode({
      SizeOfHeader: MINIDUMP_HANDLE_DATA_STREAM.size,
      SizeOfDescriptor: MINIDUMP_HANDLE_DESCRIPTOR_2.size,
      NumberOfDescriptors: 3,
    });
    const handles = [first.Rva, loop.Rva, 0x7fffffff].map((ObjectInfoRva, i) =>
      MINIDUMP_HANDLE_DESCRIPTOR_2.encode({
        Handle: BigInt(i),
        TypeNameRva: type.Rva,
        ObjectNameRva: i === 0 ? object.Rva : 0,
        ObjectInfoRva,
      }),
    );
    const bytes = builder
      .stream(StreamType.HandleDataStream, new Uint8Array(Buffer.concat([head, ...handles])))
      .build();
    const { dump, report } = await filtered(bytes);
    const [one, two, three] = dump.getSync('handles')!;
    expect(one).toMatchObject({ typeName: 'File', objectName: '/home/somebody/notes.txt', problems: [] });
    expect(one!.objectInformation.map(({ data }) => new TextDecoder().decode(data))).toEqual([
      'first',
      'second',
    ]);
    expect(two!.objectInformation.length).toBeGreaterThan(0);
    expect(three).toMatchObject({ ObjectInfoRva: 0, objectInformation: [] });
    expect(report.warnings.join()).toMatch(/information on a handle: a reference leads out of the file/);
    const cut = await filtered(bytes, { type: MINIDUMP_TYPE.MiniDumpFilterTriage });
    expect(cut.dump.getSync('handles')!.map(({ objectName }) => objectName)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(count(cut.bytes, wide('notes.txt'))).toBe(0);
  });

  it('threads of Itanium keep both stacks, and the callback is asked about both', async () => {
    const builder = new DumpBuilder();
    const stack = builder.add(new Uint8Array(64).fill(1));
    const backing = builder.add(new Uint8Array(32).fill(2));
    const bytes = builder
      .stream(
        StreamType.MemoryListStream,
        encodeMemoryList([
          { StartOfMemoryRange: 0x1000n, Memory: stack },
          { StartOfMemoryRange: 0x9000n, Memory: backing },
        ]),
      )
      .stream(
        StreamType.ThreadExListStream,
        encodeThreadExList([
          {
            ThreadId: 1,
            Stack: { StartOfMemoryRange: 0x1000n, Memory: stack },
            BackingStore: { StartOfMemoryRange: 0x9000n, Memory: backing },
          },
        ]),
      )
      .build();
    const seen: unknown[] = [];
    const { dump } = await filtered(bytes, {
      callbacks: {
        thread: ({ backingStore }) => {
          seen.push(backingStore);
          return true;
        },
      },
    });
    expect(seen).toEqual([{ base: 0x9000n, end: 0x9020n }]);
    const [thread] = dump.getSync('threadsEx')!;
    expect(dump.source.read(thread!.BackingStore.Memory.Rva, 32)).toEqual(new Uint8Array(32).fill(2));
    expect(dump.source.read(thread!.Stack.Memory.Rva, 64)).toEqual(new Uint8Array(64).fill(1));
    const { ThreadWriteBackingStore } = THREAD_WRITE_FLAGS;
    const without = await filtered(bytes, {
      callbacks: { thread: ({ flags }) => flags & ~ThreadWriteBackingStore },
    });
    expect(without.dump.getSync('threadsEx')![0]!.BackingStore.Memory).toEqual({ DataSize: 0, Rva: 0 });
  });

  it('a stream that is broken is carried as it is, and named', async () => {
    const broken = encodeModuleList([{ BaseOfImage: 0x1000n }]).slice(0, 50);
    const bytes = new DumpBuilder()
      .stream(StreamType.ModuleListStream, broken)
      .stream(0x10001, ascii('whole'))
      .entry(0x10002, { Rva: 8, DataSize: 0x7fffffff })
      .build();
    const { dump, report } = await filtered(bytes);
    expect(dump.bytesSync(dump.directory[0]!)).toEqual(broken);
    expect(new TextDecoder().decode(dump.bytesSync(dump.directory[1]!))).toBe('whole');
    expect(dump.directory[2]).toMatchObject({ streamType: 0, dataSize: 0 });
    expect(report.warnings.join('\n')).toMatch(/ModuleListStream is broken and is carried as it is/);
    expect(report.warnings.join('\n')).toMatch(/0x10002 reaches past the end of the file; it is left out/);
  });
});

describeWith([needsBuild], 'a large dump', () => {
  it('is not copied into memory, and gets no stream that it had not', async () => {
    const memory = new Uint8Array(65 * MIB);
    for (let at = 0; at < memory.length; at += 4096) memory[at] = 1 + ((at >> 12) % 255);
    const input = memoryDump([[0x10_0000n, memory]], 'wide').build();
    // MiniDumpWithFullMemory, MiniDumpIgnoreInaccessibleMemory
    new DataView(input.buffer).setUint32(24, 0x20002, true);
    const { dump, report } = await filtered(input);
    expect(dump.directory.map(({ name }) => name)).toEqual(['SystemInfoStream', 'Memory64ListStream']);
    expect(dump.header.Flags).toBe(0x20002n);
    expect(report.memory).toEqual({ ranges: 1, bytes: memory.length });
    expect(Buffer.compare(dump.memorySync().readSync(0x10_0000n, memory.length), memory)).toBe(0);
  });
});

describeWith([needsBuild], 'a file that refers to itself without bounds', () => {
  it('gives a dump of a few times its size', async () => {
    const builder = new DumpBuilder();
    const block = builder.add(new Uint8Array(MIB).fill(0x61));
    const many = 20_000;
    const overlapping = Array.from({ length: many }, (_, i) => ({
      StartOfMemoryRange: BigInt(0x10000 + i),
      Memory: block,
    }));
    const bytes = builder
      .stream(StreamType.MemoryListStream, encodeMemoryList(overlapping))
      .stream(
        StreamType.ThreadListStream,
        encodeThreadList(
          overlapping.map((Stack, i) => ({
            ThreadId: i,
            Stack: { ...Stack, StartOfMemoryRange: Stack.StartOfMemoryRange + 0x1000_0000n },
            ThreadContext: { Rva: block.Rva + i, DataSize: MIB - i },
          })),
        ),
      )
      .stream(
        StreamType.ModuleListStream,
        encodeModuleList(
          overlapping.map((_, i) => ({
            BaseOfImage: BigInt(i),
            CvRecord: { Rva: block.Rva + i, DataSize: MIB - i },
            MiscRecord: { Rva: block.Rva, DataSize: MIB - i },
          })),
        ),
      );
    for (let i = 0; i < 1000; i++) builder.entry(0x10000 + i, { Rva: block.Rva + i, DataSize: MIB - 1000 });
    const input = builder.build();
    expect(bytes).toBe(builder);
    const { bytes: after, report } = await filtered(input);
    expect(after.length / input.length).toBeLessThan(14);
    expect(report.warnings.length).toBeGreaterThan(2);
  }, 120_000);
});

describeWith([needsBuild], 'a file with 60,000 streams, 30,000 threads and as many modules', () => {
  it('is filtered in the time of one with few: what its streams look up is made once', async () => {
    const builder = new DumpBuilder();
    const many = 30_000;
    const each = 10_000;
    const { size } = MINIDUMP_THREAD_INFO;
    const name = builder.add(encodeString('a.so'));
    // Lists without an entry wherever one begins: of a count that is zero, or of heads of twelve bytes.
    const zeros = builder.add(new Uint8Array(each + 200));
    const heads = builder.add(
      new Uint8Array(Uint32Array.from({ length: 3 * each }, (_, i) => [12, size, 0][i % 3]!).buffer),
    );
    const annotations = builder.add(
      new Uint8Array(
        Buffer.concat(
          Array.from({ length: each }, (_, i) =>
            MinidumpCrashpadInfo.encode({ version: 1, module_list: { Rva: zeros.Rva + i, DataSize: 4 } }),
          ),
        ),
      ),
    );
    builder
      .stream(
        StreamType.ThreadListStream,
        encodeThreadList(Array.from({ length: many }, (_, i) => ({ ThreadId: i + 1 }))),
      )
      .stream(
        StreamType.ModuleListStream,
        encodeModuleList(
          Array.from({ length: many }, (_, i) => ({
            BaseOfImage: BigInt(i + 1) << 16n,
            ModuleNameRva: name.Rva,
          })),
        ),
      );
    const from = (place: { Rva: number }, i: number, DataSize: number) => ({ Rva: place.Rva + i, DataSize });
    for (let i = 0; i < each; i++) {
      builder
        .entry(StreamType.ThreadListStream, from(zeros, i, 4))
        .entry(StreamType.ThreadNamesStream, from(zeros, i, 4))
        .entry(StreamType.ModuleListStream, from(zeros, i, 4))
        .entry(StreamType.ThreadInfoListStream, from(heads, i * 12, 12))
        .entry(StreamType.ExceptionStream, from(zeros, i, MINIDUMP_EXCEPTION_STREAM.size))
        .entry(
          StreamType.CrashpadInfoStream,
          from(annotations, i * MinidumpCrashpadInfo.size, MinidumpCrashpadInfo.size),
        );
    }
    const { dump, report } = await filtered(builder.build());
    expect(report.warnings).toEqual([]);
    expect(dump.directory.length).toBe(2 + 6 * each);
    expect(dump.getSync('threads')).toHaveLength(many);
    expect(dump.getSync('modules')).toHaveLength(many);
  });
});

describeWith([needsBuild], 'a file with many environments, whose addresses are not known', () => {
  /** Bytes that were read of a dump while a callback filtered it, in sizes of the file, and what the report warns of. */
  const filterOf = async (bytes: Uint8Array, options: FileFilterOptions = { callbacks: {} }) => {
    const source = new BytesSource(bytes);
    let total = 0;
    const read = (offset: number, length: number) => {
      const part = source.read(offset, length);
      total += part.length;
      return part;
    };
    const report = await filterMinidump({ size: source.size, read }, new BytesSink(), options);
    return { read: total / bytes.length, warnings: report.warnings };
  };
  const environments = (builder: DumpBuilder, streams: number) => {
    const texts = builder.add(new Uint8Array(streams + 16).fill(0x41));
    for (let i = 0; i < streams; i++) {
      builder.entry(StreamType.LinuxEnviron, { Rva: texts.Rva + i, DataSize: 16 });
      builder.entry(StreamType.LinuxCmdLine, { Rva: texts.Rva + i, DataSize: 15 });
    }
    return builder.build();
  };

  it('is searched for the first one of a kind, and warned of once a kind', async () => {
    const { read, warnings } = await filterOf(
      environments(memoryDump([[0x100000n, new Uint8Array(MIB)]]), 1000),
    );
    expect(read).toBeLessThan(10);
    expect(warnings.filter((one) => one.includes('address'))).toEqual([
      expect.stringContaining('the address of LinuxEnviron in the process is not known'),
      expect.stringContaining('the address of LinuxCmdLine in the process is not known'),
    ]);
  });

  it('is warned of once, too, where its memory is to be left out', async () => {
    const { read, warnings } = await filterOf(
      environments(memoryDump([[0x100000n, new Uint8Array(MIB)]]), 1000),
      { type: MINIDUMP_TYPE.MiniDumpWithoutOptionalData },
    );
    expect(read).toBeLessThan(10);
    expect(warnings).toEqual([
      expect.stringContaining('where LinuxCmdLine is in the memory of the process is not known'),
      expect.stringContaining('where LinuxEnviron is in the memory of the process is not known'),
    ]);
  });

  it('the first one of several is found, and those behind it are named', async () => {
    const memory = new Uint8Array(MIB);
    memory.set(ascii(`TOKEN=${SECRET}\0`), 5000);
    const builder = memoryDump([[0x100000n, memory]])
      .stream(StreamType.LinuxEnviron, ascii(`TOKEN=${SECRET}\0`))
      .stream(StreamType.LinuxEnviron, ascii('OTHER=environment\0'));
    const { dump, report } = await filtered(builder.build(), {
      callbacks: { removeMemory: () => [{ address: 0x100000n + 5006n, size: SECRET.length }] },
    });
    const text = (index: number) => new TextDecoder().decode(dump.bytesSync(dump.directory[index]!));
    expect(text(2)).toBe(`TOKEN=${'\0'.repeat(SECRET.length)}\0`);
    expect(text(3)).toBe('OTHER=environment\0');
    expect(report.warnings.join()).toContain('the address of LinuxEnviron in the process is not known');
  });

  it('with the same memory at a thousand addresses, is given up when it costs too much', async () => {
    const builder = new DumpBuilder();
    const Memory = builder.add(new Uint8Array(MIB));
    builder.stream(
      StreamType.MemoryListStream,
      encodeMemoryList(
        Array.from({ length: 1000 }, (_, i) => ({ StartOfMemoryRange: BigInt((i + 1) * 2 * MIB), Memory })),
      ),
    );
    const { read, warnings } = await filterOf(environments(builder, 1));
    expect(read).toBeLessThan(30);
    expect(warnings.join()).toContain('the address of LinuxCmdLine in the process is not known');
  });
});

describeWith([needsCorpus, needsBuild], 'a damaged dump', () => {
  const endings = async (bytes: Uint8Array, options: FileFilterOptions = {}) => {
    try {
      const { bytes: after } = await filtered(bytes, options);
      expect(after.length).toBeLessThan(bytes.length * 14 + 0x10000);
      return 'a dump';
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
      return error.code;
    }
  };

  it.each(corpusDumps())('%s: cut at every stream, it is a dump or an error of ours', async (name) => {
    const bytes = corpusBytes(name);
    const { directory } = Minidump.openSync(bytes);
    const cuts = new Set([0, 8, 32, 44, bytes.length - 1]);
    for (const { rva, dataSize } of directory)
      for (const by of [-1, 0, 1]) for (const at of [rva, rva + dataSize]) cuts.add(at + by);
    const found = new Set<string>();
    for (const cut of cuts) {
      if (cut >= 0 && cut <= bytes.length) found.add(await endings(bytes.subarray(0, cut)));
    }
    expect(
      [...found].filter((one) => !['a dump', 'not-a-minidump', 'truncated', 'malformed'].includes(one)),
    ).toEqual([]);
    expect(found).toContain('a dump');
  });

  const mutations = Math.ceil(Number(process.env.MDMP_FUZZ ?? 3000) / 100);
  it.each(fuzzSeeds.flatMap((seed) => corpusDumps().map((name) => ({ name, seed }))))(
    `$name, seed $seed: ${mutations} mutations`,
    async ({ name, seed }) => {
      const bytes = corpusBytes(name);
      const random = generator((bytes.length * 31 + name.length) ^ seed);
      const { directory } = Minidump.openSync(bytes);
      const places = [
        0,
        0x20,
        0x60,
        ...directory.flatMap(({ rva }) => [rva, rva, rva + 64, rva + random(4096)]),
      ];
      for (let i = 0; i < mutations; i++) {
        const mutated = mutate(bytes, places, random);
        const started = performance.now();
        try {
          await endings(
            mutated,
            i % 2 === 0
              ? {}
              : {
                  redactStrings: true,
                  scrub: [SECRET, /\d{9}/],
                  callbacks: { module: ({ base }) => base % 3n !== 0n, thread: ({ id }) => id % 2 === 0 },
                },
          );
        } catch (error) {
          throw new Error(`mutation ${i}`, { cause: error });
        }
        expect(performance.now() - started, `mutation ${i}: milliseconds`).toBeLessThan(10_000);
      }
    },
    300_000 + mutations * 1000,
  );
});

describeWith([needsCorpus, needsBuild], 'mdmp filter', () => {
  it('says what it took out, and writes a file that only its owner reads', () => {
    const folder = temporaryFolder();
    const out = join(folder, 'out.dmp');
    const words = ['filter', corpusPath('breakpad/linux_overflow.dmp'), out, '--drop-stream', 'LinuxEnviron'];
    const { exit, stdout, stderr } = mdmp([
      ...words,
      '--scrub',
      '/lib[a-z]+\\.so/',
      '--drop-stream',
      '0x47670009',
    ]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toMatch(/^dropped +LinuxEnviron .*\n +LinuxMaps/m);
    expect(stdout).toMatch(/^scrubbed +expression 1 +\d+ matches: .*\d+ in LinuxDsoDebug/m);
    expect(stdout).toContain('not promised: ');
    expect(stdout).not.toContain('pause');
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(mdmp(words).exit).toBe(40);
    expect(mdmpJson([...words, '--force', '--redact-strings'])).toMatchObject({
      file: out,
      dropped: [{ type: StreamType.LinuxEnviron, name: 'LinuxEnviron' }],
      strings: { variables: 0 },
    });
  });

  it('takes a callback module, and names the file that is no dump', () => {
    const folder = temporaryFolder();
    const module = join(folder, 'keep.mjs');
    writeFileSync(module, 'export const callbacks = { module: () => false };');
    const input = corpusPath('breakpad/minidump2.dmp');
    const report = mdmpJson(['filter', input, join(folder, 'a.dmp'), '--callback', module]);
    expect(report.modules.written).toBe(0);
    const { exit, stderr } = mdmp(['filter', module, join(folder, 'b.dmp')]);
    expect(exit).toBe(11);
    expect(stderr).toContain(`${module}: this is not a minidump. Expected MDMP`);
    expect(mdmp(['filter', input, join(folder, 'c.dmp'), '--drop-stream', 'nonsense']).stderr).toMatch(
      /there is no stream/,
    );
  });
});

describeWith([needsBuild], 'secrets that begin with a slash', () => {
  /** Runs `mdmp filter --scrub …` over a dump whose memory is a text; gives what was printed, and the text. */
  const scrub = (text: string, patterns: string[], ...words: string[]) => {
    const folder = temporaryFolder();
    const [input, output] = [join(folder, 'in.dmp'), join(folder, 'out.dmp')];
    writeFileSync(input, memoryDump([[0x1000n, ascii(text)]]).build());
    const given = patterns.flatMap((pattern) => ['--scrub', pattern]);
    const { exit, stdout, stderr } = mdmp(['filter', input, output, ...given, ...words]);
    const after = () =>
      new TextDecoder().decode(
        Minidump.openSync(readFileSync(output)).memorySync().readSync(0x1000n, text.length),
      );
    return { exit, printed: stdout + stderr, stdout, after };
  };

  it.each([
    ['/home/alice/', '/**********/', 'expression 1'],
    ['//home/alice//', '************', 'expression 1'],
    ['/home/alice', '***********/', 'a text of 11 characters'],
    ['/HOME/Alice/i', '/**********/', 'expression 1'],
    ['//home/ali(ce)?/', '***********/', 'expression 1'],
    ['/alice/ssi', '/home/alice/', 'a text of 10 characters'],
    ['/alice/uv', '/home/alice/', 'a text of 9 characters'],
  ])('%s is not printed', (pattern, expected, name) => {
    for (const words of [[], ['--json']]) {
      const { exit, printed, stdout, after } = scrub('/home/alice/', [pattern], ...words);
      expect({ exit, after: exit === 0 && after() }).toEqual({
        exit: 0,
        after: expected,
      });
      expect(printed).not.toMatch(/alice/i);
      expect(stdout).toContain(name);
    }
  });

  it('are not printed either where they are no expression', () => {
    const { exit, printed } = scrub('x', ['/alice/', '/home/(alice/i']);
    expect({ exit, printed }).toEqual({
      exit: 2,
      printed: expect.stringContaining('--scrub: expression 2 is no regular expression: Unterminated group'),
    });
    expect(printed).not.toContain('alice');
  });

  it('are named by their number among the expressions', () => {
    const { stdout } = scrub('text', ['/first/', 'a text', '/second/']);
    expect([...stdout.matchAll(/(?:expression \d|a text of \d characters) {2}/g)].map(String)).toEqual([
      'expression 1  ',
      'a text of 6 characters  ',
      'expression 2  ',
    ]);
  });
});

describe('the browser’s face', () => {
  it('has the filter', async () => {
    const { filterMinidump: inBrowser } = await import('../../dist/browser.js');
    const sink = new BytesSink();
    const bytes = memoryDump([[0x1000n, ascii(SECRET)]]).build();
    await inBrowser(new Blob([bytes as Uint8Array<ArrayBuffer>]), sink, { scrub: [SECRET] });
    expect(count(sink.bytes(), SECRET)).toBe(0);
  });
});
