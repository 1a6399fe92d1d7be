import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type DumpOptions, writeDump } from '../../src/dump/index.js';
import { BytesSink, BytesSource, MinidumpError, runAsync, runSync, type Source } from '../../src/io/index.js';
import { parseMaps, printMaps } from '../../src/linux/maps.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { type ElfCoreOptions, ElfCoreTarget } from '../../src/targets/elf-core/index.js';

const PAGE = 0x1000n;
const CODE = 0x40_0000n;
const STACK = 0x7fff_0000_0000n;
const RSP = STACK + 0x800n;

/** A note of an ELF core. */
function note(type: number, description: Uint8Array, name = 'CORE', size = description.length): Buffer {
  const padded = (length: number) => Math.ceil(length / 4) * 4;
  const bytes = Buffer.alloc(12 + padded(name.length + 1) + padded(description.length));
  bytes.writeUInt32LE(name.length + 1, 0);
  bytes.writeUInt32LE(size, 4);
  bytes.writeUInt32LE(type, 8);
  bytes.write(name, 12, 'latin1');
  bytes.set(description, 12 + padded(name.length + 1));
  return bytes;
}

interface StatusFields {
  id: number;
  signal?: number;
  rip?: bigint;
  rsp?: bigint;
  utime?: bigint;
}

/** NT_PRSTATUS; the offsets are those of struct elf_prstatus, measured with gcc. */
function status({ id, signal = 0, rip = CODE + 0x10n, rsp = RSP, utime = 0n }: StatusFields): Buffer {
  const bytes = Buffer.alloc(336);
  bytes.writeInt16LE(signal, 12);
  bytes.writeUInt32LE(id, 32);
  bytes.writeBigInt64LE(utime, 48);
  bytes.writeBigUInt64LE(rip, 112 + 16 * 8);
  bytes.writeBigUInt64LE(rsp, 112 + 19 * 8);
  return note(1, bytes);
}

function processInfo(pid: number, name: string, args: string): Buffer {
  const bytes = Buffer.alloc(136);
  bytes.writeUInt32LE(pid, 24);
  bytes.write(name, 40, 'latin1');
  bytes.write(args, 56, 'latin1');
  return note(3, bytes);
}

function files(
  entries: { start: bigint; end: bigint; offset: bigint; path: string }[],
  unit = 4096n,
): Buffer {
  const words = Buffer.alloc(16 + entries.length * 24);
  words.writeBigUInt64LE(BigInt(entries.length), 0);
  words.writeBigUInt64LE(unit, 8);
  entries.forEach(({ start, end, offset }, i) => {
    words.writeBigUInt64LE(start, 16 + i * 24);
    words.writeBigUInt64LE(end, 24 + i * 24);
    words.writeBigUInt64LE(offset / unit, 32 + i * 24);
  });
  return note(
    0x46494c45,
    Buffer.concat([words, Buffer.from(entries.map(({ path }) => `${path}\0`).join(''))]),
  );
}

interface Load {
  address: bigint;
  bytes?: Uint8Array;
  memorySize?: bigint;
  flags?: number;
  /** In place of where its bytes are. */
  offset?: bigint;
  fileSize?: bigint;
}

interface CoreParts {
  notes?: Buffer[];
  loads?: Load[];
  machine?: number;
  type?: number;
  bits?: number;
  order?: number;
}

/** An ELF core as the kernel lays it out: header, program headers, notes, memory. */
function core({ notes = [], loads = [], machine = 62, type = 4, bits = 2, order = 1 }: CoreParts): Buffer {
  const count = loads.length + 1;
  const wide = count >= 0xffff;
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits, order, 1]);
  const half = (value: number, at: number) =>
    order === 1 ? header.writeUInt16LE(value, at) : header.writeUInt16BE(value, at);
  half(type, 16);
  half(machine, 18);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(wide ? 0xffff : count, 56);
  const table = Buffer.alloc(count * 56);
  const noteBytes = Buffer.concat(notes);
  let at = 64 + table.length;
  const put = (i: number, kind: number, load: Load, size: number) => {
    const o = i * 56;
    table.writeUInt32LE(kind, o);
    table.writeUInt32LE(load.flags ?? 6, o + 4);
    table.writeBigUInt64LE(load.offset ?? BigInt(at), o + 8);
    table.writeBigUInt64LE(load.address, o + 16);
    table.writeBigUInt64LE(load.fileSize ?? BigInt(size), o + 32);
    table.writeBigUInt64LE(load.memorySize ?? BigInt(size), o + 40);
    at += size;
  };
  put(0, 4, { address: 0n }, noteBytes.length);
  const parts: Uint8Array[] = [];
  loads.forEach((load, i) => {
    put(i + 1, 1, load, load.bytes?.length ?? 0);
    if (load.bytes) parts.push(load.bytes);
  });
  const all = [header, table, noteBytes, ...parts];
  if (wide) {
    header.writeBigUInt64LE(BigInt(at), 40);
    const section = Buffer.alloc(64);
    section.writeUInt32LE(count, 44);
    all.push(section);
  }
  return Buffer.concat(all);
}

const code: Load = { address: CODE, bytes: Buffer.alloc(0x1000, 0xc3), flags: 5 };
const stack: Load = { address: STACK, bytes: Buffer.alloc(0x1000, 0x5a) };
const plain = () =>
  core({ notes: [processInfo(77, 'worker', 'worker -x'), status({ id: 77 })], loads: [code, stack] });

const open = (bytes: Uint8Array, options?: ElfCoreOptions) =>
  runSync(ElfCoreTarget.open(new BytesSource(bytes), options));

/** The dump of a core, and what there is to say about it. */
function convert(bytes: Uint8Array, type = 0, options?: ElfCoreOptions) {
  const sink = new BytesSink();
  using target = open(bytes, options);
  const report = runSync(writeDump(target, { type }, sink));
  return { report, dump: Minidump.openSync(new BytesSource(sink.bytes())) };
}

function failure(work: () => unknown): MinidumpError {
  try {
    work();
  } catch (error) {
    if (error instanceof MinidumpError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a core', () => {
  it('gives threads, memory and process', () => {
    const { dump, report } = convert(plain(), 2);
    expect(report).toMatchObject({ pid: 77, pauseMs: 0, threads: { written: 1 } });
    expect(report.warnings).toEqual(['the core has no list of mapped files: no modules are in the dump']);
    const [thread] = dump.getSync('threads')!;
    expect(thread).toMatchObject({ ThreadId: 77 });
    expect(dump.getSync('threadNames')).toMatchObject([{ ThreadId: 77, name: 'worker' }]);
    expect(dump.memorySync().readSync(CODE, 0x1000)).toEqual(new Uint8Array(0x1000).fill(0xc3));
    expect(dump.memorySync().readSync(STACK, 0x1000)).toEqual(new Uint8Array(0x1000).fill(0x5a));
  });

  it('has the times that its notes give; the main thread without those of the others', () => {
    const notes = [
      processInfo(1, 'a', ''),
      status({ id: 1, utime: 10n }),
      status({ id: 2, utime: 3n }),
      status({ id: 3, utime: 4n }),
    ];
    using target = open(core({ notes, loads: [stack] }));
    runSync(target.hold(() => true));
    const seconds = 10_000_000n;
    expect(runSync(target.threads()).map(({ id, info }) => [id, info?.userTime])).toEqual([
      [1, 3n * seconds],
      [2, 3n * seconds],
      [3, 4n * seconds],
    ]);
    expect(runSync(target.process()).userTime).toBe(10);
  });

  it('is asked about each thread once', () => {
    const notes = [processInfo(1, 'a', ''), ...[3, 1, 2].map((id) => status({ id }))];
    using target = open(core({ notes, loads: [stack] }));
    const asked: number[] = [];
    runSync(target.hold((id) => asked.push(id) > 0 && id !== 2));
    expect(asked).toEqual([3, 1, 2]);
    expect(runSync(target.threads()).map(({ id }) => id)).toEqual([1, 3]);
  });

  it.each([
    ['a fault', { signal: 11, info: [11, 0, 1], address: 0x1234n }, { code: 11, flags: 1, address: 0x1234n }],
    [
      'a signal that was sent',
      { signal: 11, info: [11, 0, 0], address: 0x1234n },
      { code: 11, flags: 0, address: CODE + 0x10n },
    ],
    ['no siginfo', { signal: 6 }, { code: 6, flags: 0, address: CODE + 0x10n }],
    [
      'the siginfo of another signal',
      { signal: 6, info: [11, 0, 1], address: 8n },
      { code: 6, address: CODE + 0x10n },
    ],
    ['a stopped process', { signal: 19, info: [19, 0, 0x80], address: 0n }, undefined],
    ['a process that gdb looked at', { signal: 0, info: [19, 0, 0x80], address: 0n }, undefined],
  ] as [string, { signal: number; info?: number[]; address?: bigint }, object | undefined][])(
    'has the exception of %s',
    (_what, { signal, info, address }, expected) => {
      const notes = [processInfo(5, 'a', ''), status({ id: 6, signal })];
      if (info) {
        const siginfo = Buffer.alloc(128);
        for (const [i, value] of info.entries()) siginfo.writeInt32LE(value, i * 4);
        siginfo.writeBigUInt64LE(address!, 16);
        notes.push(note(0x53494749, siginfo));
      }
      notes.push(status({ id: 5, signal }));
      using target = open(core({ notes, loads: [code, stack] }));
      const found = runSync(target.ownException());
      if (expected === undefined) expect(found).toBeUndefined();
      else expect(found).toMatchObject({ threadId: 6, instructionPointer: CODE + 0x10n, ...expected });
    },
  );

  it('takes memory that a file segment has beyond its bytes for a hole', () => {
    const half: Load = { address: 0x1000n, bytes: Buffer.alloc(0x1000, 1), memorySize: 0x3000n };
    using target = open(core({ notes: [status({ id: 1 })], loads: [half, stack] }));
    expect(runSync(target.probe(0n, 0x5000n))).toEqual([
      { start: 0n, end: 0x1000n, kind: 'hole', why: 'nothing is mapped there' },
      { start: 0x1000n, end: 0x2000n, kind: 'data' },
      { start: 0x2000n, end: 0x4000n, kind: 'hole', why: 'the core does not hold it' },
      { start: 0x4000n, end: 0x5000n, kind: 'hole', why: 'nothing is mapped there' },
    ]);
    const into = new Uint8Array(0x2000);
    expect(runSync(target.readMemory(0x1800n, into))).toBe(0x800);
  });

  it('lists a module whose first page is not there, if it holds code', () => {
    const mapped = [
      { start: CODE, end: CODE + PAGE, offset: 0n, path: '/opt/lib/libx.so.2.3' },
      { start: CODE + PAGE, end: CODE + 2n * PAGE, offset: 0x1000n, path: '/opt/lib/libx.so.2.3' },
    ];
    const loads = [
      { address: CODE, memorySize: PAGE, flags: 4 },
      { address: CODE + PAGE, memorySize: PAGE, flags: 5 },
      stack,
    ];
    const { dump } = convert(core({ notes: [status({ id: 1 }), files(mapped)], loads }));
    expect(dump.getSync('modules')).toMatchObject([
      { name: '/opt/lib/libx.so.2.3', BaseOfImage: CODE, SizeOfImage: 0x2000 },
    ]);
  });

  it('understands offsets in bytes as gdb writes them, and its paths', () => {
    const mapped = [{ start: CODE, end: CODE + PAGE, offset: 0x3000n, path: '/opt/a\\012b (deleted)' }];
    using target = open(core({ notes: [status({ id: 1 }), files(mapped, 1n)], loads: [code, stack] }));
    const maps = runSync(target.texts()).find(({ type }) => type === 0x47670009)!;
    expect(parseMaps(new TextDecoder().decode(maps.bytes))[0]).toMatchObject({
      start: CODE,
      end: CODE + PAGE,
      offset: 0x3000n,
      path: '/opt/a\nb',
      deleted: true,
      executable: true,
      writable: false,
    });
  });

  it('prints maps as the kernel does', () => {
    const text = [
      '00400000-00401000 r--p 00000000 fe:00 9977985                            /tmp/a b\\012c (deleted)',
      '7f529536b000-7f529536c000 ---p 00000000 00:00 0 ',
      '7fffadb31000-7fffadb52000 rw-p 00000000 00:00 0                          [stack]',
      'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
      '',
    ].join('\n');
    expect(printMaps(parseMaps(text))).toBe(text);
  });
});

describe('a core that is broken or hostile', () => {
  it.each<[string, CoreParts, string, RegExp]>([
    ['of ARM64', { machine: 183 }, 'unsupported', /ARM64/],
    ['of 32-bit x86', { machine: 3, bits: 1 }, 'unsupported', /x86 \(32 bits\)/],
    ['of x32', { bits: 1 }, 'unsupported', /x32/],
    ['of big-endian PowerPC', { machine: 21, order: 2 }, 'unsupported', /PowerPC64/],
    ['of an unknown machine', { machine: 4711 }, 'unsupported', /e_machine 4711/],
    ['a program', { type: 3 }, 'not-a-core', /a program or a shared library, not a core/],
  ])('%s is refused', (_what, parts, errorCode, message) => {
    const bytes = core({ notes: [status({ id: 1 })], loads: [stack], ...parts });
    const error = failure(() => open(bytes));
    expect(error.code).toBe(errorCode);
    expect(error.message).toMatch(message);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('no core at all')],
    ['a minidump', Buffer.from('MDMP\x93\xa7\0\0')],
  ])('%s is no core', (_what, bytes) => {
    expect(failure(() => open(bytes)).code).toBe('not-a-core');
  });

  it('without notes gives its memory, and says what is missing', () => {
    const { report, dump } = convert(core({ loads: [code, stack] }), 2);
    expect(report.threads.written).toBe(0);
    expect(report.warnings.join()).toMatch(/no notes of threads/);
    expect(dump.memorySync().readSync(STACK, 16)).toEqual(new Uint8Array(16).fill(0x5a));
  });

  it('cut anywhere gives what is there, or says that it is truncated', () => {
    const whole = core({
      notes: [processInfo(1, 'a', 'a'), status({ id: 1 }), status({ id: 2 }), note(6, Buffer.alloc(320))],
      loads: [code, stack],
    });
    let dumps = 0;
    for (let size = 0; size < whole.length; size += size < 1500 ? 7 : 97) {
      const cut = whole.subarray(0, size);
      let result: ReturnType<typeof convert>;
      try {
        result = convert(cut, 2);
      } catch (error) {
        expect(['truncated', 'not-a-core'], String(error)).toContain((error as MinidumpError).code);
        expect(size).toBeLessThan(64 + 56);
        continue;
      }
      dumps++;
      expect(result.report.warnings.join('\n')).toMatch(/cut short|ends in its program headers/);
      const there = Math.max(0, Math.min(0x1000, size - (whole.length - 0x1000)));
      expect(result.dump.memorySync().readSync(STACK, 0x1000)?.length ?? 0).toBe(there);
    }
    expect(dumps).toBeGreaterThan(50);
  });

  it('with notes of wild sizes loses those only', () => {
    const wild = note(6, Buffer.alloc(8), 'CORE', 0xffff_fff0);
    const { report } = convert(core({ notes: [status({ id: 1 }), wild], loads: [stack] }));
    expect(report.threads.written).toBe(1);
    expect(report.warnings.join()).toMatch(/notes end in the middle/);
    const short = note(1, Buffer.alloc(100));
    const counted = Buffer.alloc(32);
    counted.writeBigUInt64LE(1n << 60n, 0);
    counted.writeBigUInt64LE(4096n, 8);
    const other = convert(
      core({
        notes: [short, status({ id: 1 }), status({ id: 1 }), note(0x46494c45, counted)],
        loads: [stack],
      }),
    );
    expect(other.report.threads.written).toBe(1);
    expect(other.report.warnings.join('\n')).toMatch(/PRSTATUS of 100 bytes/);
    expect(other.report.warnings.join('\n')).toMatch(/thread 1 is there twice/);
    expect(other.report.warnings.join('\n')).toMatch(/claims 1152921504606846976 entries/);
  });

  it('does not flood the report', () => {
    const notes = Array.from({ length: 1000 }, () => status({ id: 1 }));
    const { report } = convert(core({ notes, loads: [stack] }));
    expect(report.warnings.length).toBeLessThan(30);
    expect(report.warnings.join()).toMatch(/979 more things are wrong/);
  });

  it('has a command line that goes where anything is taken out of memory: nobody knows where it is', () => {
    const dumpOf = (callbacks: DumpOptions['callbacks']) => {
      const sink = new BytesSink();
      using target = open(plain());
      runSync(writeDump(target, { callbacks }, sink));
      return Buffer.from(sink.bytes());
    };
    expect(dumpOf({}).includes('worker -x')).toBe(true);
    expect(dumpOf({ removeMemory: () => [{ address: STACK, size: 16 }] }).includes('worker -x')).toBe(false);
    expect(dumpOf({ vmPostRead: () => {} }).includes('worker -x')).toBe(false);
  });

  it('with an auxiliary vector that repeats itself is not searched for it', () => {
    const size = 8 << 20;
    const vector = Buffer.alloc(60_000);
    const words = Buffer.alloc(size);
    for (const buffer of [vector, words]) for (let at = 0; at < buffer.length; at += 16) buffer[at] = 1;
    const [EXECFN, RANDOM] = [31n, 25n];
    vector.writeBigUInt64LE(EXECFN, 0);
    vector.writeBigUInt64LE(STACK + BigInt(size) - 16n, 8);
    vector.writeBigUInt64LE(RANDOM, 16);
    vector.writeBigUInt64LE(STACK + BigInt(size) - 32n, 24);
    const large = { address: STACK, bytes: words };
    const { dump } = convert(core({ notes: [status({ id: 1 }), note(6, vector)], loads: [large] }));
    expect(dump.entry('linuxEnvironment')).toBeUndefined();
  });

  it('with overlapping segments counts each address once', () => {
    const loads = [
      { address: 0x1000n, bytes: Buffer.alloc(0x2000, 1) },
      { address: 0x2000n, bytes: Buffer.alloc(0x2000, 2) },
      { address: 0x2800n, bytes: Buffer.alloc(0x100, 3) },
    ];
    using target = open(core({ notes: [status({ id: 1 })], loads }));
    const into = new Uint8Array(0x3000);
    expect(runSync(target.readMemory(0x1000n, into))).toBe(0x3000);
    expect(into).toEqual(Uint8Array.from({ length: 0x3000 }, (_, i) => (i < 0x2000 ? 1 : 2)));
    expect(target.notes.join()).toMatch(/2 segments overlap/);
  });

  it('cannot make a dump larger than itself', () => {
    // A thousand segments that all claim the same megabyte.
    const loads: Load[] = [{ address: 1n << 40n, bytes: Buffer.alloc(1 << 20, 7) }];
    const offset = BigInt(64 + 1001 * 56 + status({ id: 1 }).length);
    for (let i = 1; i < 1000; i++) {
      loads.push({
        address: (1n << 40n) + BigInt(i) * (1n << 21n),
        offset,
        fileSize: 1n << 20n,
        memorySize: 1n << 20n,
      });
    }
    const bytes = core({ notes: [status({ id: 1 })], loads });
    const { report } = convert(bytes, 2);
    expect(report.memory.bytes).toBeLessThan(bytes.length);
    expect(report.warnings.join()).toMatch(/999 segments claim bytes of the core/);
  });

  it('may claim any amount of memory that is not there', () => {
    const loads = [
      { address: 0x1000n, memorySize: 1n << 46n },
      { address: 1n << 50n, offset: 1n << 62n, fileSize: 1n << 61n, memorySize: 1n << 61n },
      { address: (1n << 64n) - 0x1000n, memorySize: 0x2000n },
      stack,
    ];
    const { report } = convert(core({ notes: [status({ id: 1 })], loads }), 2);
    expect(report.memory.bytes).toBeLessThanOrEqual(0x1000);
  });

  it('may have more than 65,535 segments', () => {
    const loads = Array.from(
      { length: 70_000 },
      (_, i): Load => ({
        address: 0x10_0000n + BigInt(i) * 0x2000n,
        memorySize: PAGE,
        flags: 4,
      }),
    );
    using target = open(core({ notes: [status({ id: 1 })], loads: [...loads, stack] }));
    expect(runSync(target.regions())).toHaveLength(70_001);
    runSync(target.hold(() => true));
    expect(runSync(target.threads())).toHaveLength(1);
  });
});

/** Counts what is read of a source. */
class CountingSource implements Source {
  readonly size: number;
  bytes = 0;
  largest = 0;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
    this.size = source.size;
  }

  read(offset: number, length: number) {
    this.bytes += length;
    this.largest = Math.max(this.largest, length);
    return this.#source.read(offset, length);
  }
}

describe('a large core', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-core-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('costs what is selected of it', async () => {
    const huge = 10 * 2 ** 30;
    const head = core({
      notes: [processInfo(9, 'big', 'big'), status({ id: 9 })],
      loads: [code, stack, { address: 1n << 40n, fileSize: BigInt(huge), memorySize: BigInt(huge) }],
    });
    const file = join(folder, 'core');
    const fd = openSync(file, 'w');
    writeSync(fd, head);
    ftruncateSync(fd, head.length + huge);
    closeSync(fd);
    using opened = new FileSource(file);
    const source = new CountingSource(opened);
    const sink = new BytesSink();
    using target = await runAsync(ElfCoreTarget.open(source));
    const options = {
      callbacks: { memory: () => [{ address: (1n << 40n) + BigInt(huge) - 4096n, size: 4096 }] },
    };
    const report = await runAsync(writeDump(target, options, sink));
    expect(report.threads.written).toBe(1);
    expect(report.memory.bytes).toBeGreaterThan(4096);
    expect(source.bytes).toBeLessThan(64 * 1024);
    const dump = Minidump.openSync(new BytesSource(sink.bytes()));
    expect(dump.memorySync().readSync((1n << 40n) + BigInt(huge) - 4096n, 4096)).toEqual(
      new Uint8Array(4096),
    );
  });
});
