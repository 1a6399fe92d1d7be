import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  MINIDUMP_TYPE,
  Minidump,
  MinidumpError,
  openSource,
  type WriteMinidumpOptions,
  writeMinidump,
} from '../../../dist/index.js';
import {
  type DumpOccasion,
  DumpStore,
  type DumpStoreOptions,
  dumpLine,
  type StoredDump,
  type WriteDump,
} from '../../../dist/watch/dumps/index.js';
import { compile, Program, statusField, stopPrograms, temporaryFolder } from '../../support/programs.js';
import { waitFor } from '../../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../../support/tools.js';

const needs = ['gcc', needsLinux, needsBuild] as const;
const FULL = MINIDUMP_TYPE.MiniDumpWithFullMemory;
const MIB = 1024 * 1024;
const asRoot = process.geteuid?.() === 0;

let program: Program;
let folder: string;
let mounted: string[];
beforeEach(async () => {
  program = await Program.start(await compile('target'));
  folder = temporaryFolder();
  mounted = [];
});
afterEach(async () => {
  for (const path of mounted) execFileSync('umount', ['-l', path]);
  await stopPrograms();
});

function occasion(more: Partial<DumpOccasion> = {}): DumpOccasion {
  const { pid } = program;
  return { pid, name: 'target', trigger: 'request', text: 'asked for', time: new Date(), ...more };
}

const CRASH = { signal: 11, signalName: 'SIGSEGV', code: 1, address: 0xffff_8000_dead_beefn, thread: 7 };
const crash = (more: Partial<DumpOccasion> = {}) => occasion({ trigger: 'crash', crash: CRASH, ...more });

/** Real dumps of the program. */
const write =
  (options: WriteMinidumpOptions = {}): WriteDump =>
  (file, output) =>
    writeMinidump(program.pid, file, { ...options, ...output });

const store = (options: DumpStoreOptions = {}) => new DumpStore({ folder, ...options });
const names = (path = folder) =>
  readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort();

function mount(path: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'mdmp', path]);
  mounted.push(path);
}

async function expectDump(file: string): Promise<void> {
  const stat = lstatSync(file);
  expect(stat.isFile()).toBe(true);
  expect(stat.mode & 0o777).toBe(0o600);
  using source = await openSource(file);
  const dump = await Minidump.open(source);
  expect((await dump.get('miscInfo'))?.ProcessId).toBe(program.pid);
}

async function expectUntouched(): Promise<void> {
  expect(program.exited).toBe(false);
  expect(statusField(program.pid, 'TracerPid')).toBe('0');
  await program.command('anything');
}

async function failure(promise: Promise<unknown>): Promise<MinidumpError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MinidumpError);
  return error as MinidumpError;
}

describeWith(needs, 'a store of dumps', () => {
  it('has a dump under the name of the template, and one line of it', async () => {
    const time = new Date(2026, 0, 31, 12, 5, 9);
    const text = 'line\nof \u001b[31m"text"\u202e';
    const dump = (await store().store(crash({ time, text, name: 'a/b\nc' }), write()))!;
    expect(names()).toEqual([`a_b_c.${program.pid}.20260131T120509.dmp`]);
    expect(dump.file).toBe(join(folder, names()[0]!));
    await expectDump(dump.file);
    const line = dumpLine(dump);
    expect(line).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(line)).toEqual({
      event: 'dump',
      time: time.toISOString(),
      file: dump.file,
      bytes: statSync(dump.file).size,
      size: statSync(dump.file).size,
      pid: program.pid,
      name: 'a/b\nc',
      trigger: 'crash',
      text,
      crash: {
        signal: 11,
        signalName: 'SIGSEGV',
        code: 1,
        address: '0xffff8000deadbeef',
        thread: 7,
      },
      pauseMs: dump.report.pauseMs,
      attempts: 1,
      leftOut: 0,
      removed: [],
      warnings: dump.report.warnings,
    });
    expect(JSON.parse(dumpLine({ ...dump, occasion: occasion() }))).not.toHaveProperty('crash');
    await expectUntouched();
  });

  it('makes the folder, for its owner alone; also when it has gone since', async () => {
    folder = join(folder, 'new', 'er');
    const one = store();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    rmSync(folder, { recursive: true });
    await expectDump((await one.store(occasion(), write()))!.file);
  });

  it('counts on where a name is taken, or replaces it', async () => {
    const one = store({ template: 'app.dmp' });
    for (let i = 0; i < 3; i++) await one.store(occasion(), write());
    expect(names()).toEqual(['app-2.dmp', 'app-3.dmp', 'app.dmp']);
    const before = statSync(join(folder, 'app.dmp')).ino;
    const dump = await store({ template: 'app.dmp', overwrite: true }).store(occasion(), write());
    expect(dump!.file).toBe(join(folder, 'app.dmp'));
    expect(names()).toHaveLength(3);
    expect(statSync(join(folder, 'app.dmp')).ino).not.toBe(before);

    const victim = join(temporaryFolder(), 'victim');
    symlinkSync(victim, join(folder, 'link.dmp'));
    const linked = await store({ template: 'link.dmp' }).store(occasion(), write());
    expect(basename(linked!.file)).toBe('link-2.dmp');
    expect(existsSync(victim)).toBe(false);
    for (const name of names().filter((name) => name !== 'link.dmp')) await expectDump(join(folder, name));
  });

  it('compresses', async () => {
    const dump = (await store({ compress: 'zstd', maxBytes: MIB }).store(occasion(), write()))!;
    expect(dump.file).toMatch(/\.dmp\.zst$/);
    expect(dump.bytes).toBe(statSync(dump.file).size);
    expect(JSON.parse(dumpLine(dump)).size).toBeGreaterThan(dump.bytes);
    await expectDump(dump.file);
    // The next watcher does not compress, and knows it as a dump.
    const next = await store({ maxCount: 1 }).store(occasion(), write());
    expect(next!.removed).toEqual([dump.file]);
  });

  it('keeps so many, of any watcher; and nothing else goes', async () => {
    writeFileSync(join(folder, 'target.1.20200101T000000.dmp'), 'not a dump, whatever its name says it is');
    const removed: string[] = [];
    const dumps: StoredDump[] = [];
    for (let i = 0; i < 5; i++) {
      const dump = (await store({ maxCount: 3 }).store(occasion(), write()))!;
      dumps.push(dump);
      removed.push(...dump.removed);
    }
    expect(removed).toEqual(dumps.slice(0, 2).map(({ file }) => file));
    expect(names()).toEqual(
      ['target.1.20200101T000000.dmp', ...dumps.slice(2).map(({ file }) => basename(file))].sort(),
    );
  });

  it('keeps so many bytes: makes room before the dump where it knows the size, and after it', async () => {
    const one = store({ template: '{n}.dmp' });
    const { bytes } = (await one.store(occasion(), write()))!;
    const during: string[][] = [];
    const seeing: WriteDump = (file, output) => {
      during.push(names());
      return write()(file, output);
    };
    const limited = store({ template: '{n}.dmp', maxBytes: Math.floor(bytes * 2.5) });
    await limited.store(occasion(), seeing);
    await limited.store(occasion(), seeing);
    await limited.store(occasion(), seeing, { expectedBytes: bytes * 100 });
    // Of the first the size was not known.
    expect(during).toEqual([['1.dmp'], ['1-2.dmp'], ['2.dmp']]);
    expect(names()).toEqual(['2.dmp', '3.dmp']);
  });

  it('keeps the newest even if it is too large, and says so', async () => {
    const one = store({ maxBytes: 1000 });
    for (let i = 0; i < 2; i++) {
      const dump = (await one.store(occasion(), write()))!;
      expect(dump.warnings.join()).toMatch(/alone has \d+ bytes, more than the 1000 .* kept until the next/);
      expect(names()).toEqual([basename(dump.file)]);
    }
  });

  it('gives none where spacing, limit or back-off forbid it', async () => {
    const time = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
    let asked = 0;
    const counted: WriteDump = (file, output) => {
      asked++;
      return write()(file, output);
    };
    const one = store({ spacing: 10_000, limit: 3, backOff: { burst: 2 } });
    const at = (seconds: number) =>
      one.store(occasion({ trigger: 'cpu-above', time: time(seconds) }), counted);
    expect(await at(0)).toMatchObject({ leftOut: 0 });
    expect(await at(9)).toBeUndefined();
    expect(one.refusal(occasion({ trigger: 'cpu-above', time: time(9) }))).toMatch(/less than 10 s/);
    expect(await at(10)).toMatchObject({ leftOut: 1 });
    expect(await at(19)).toBeUndefined();
    expect(await at(20)).toMatchObject({ leftOut: 1 });
    expect(one.exhausted).toBe(true);
    expect(await at(9999)).toBeUndefined();
    expect(asked).toBe(3);
  });

  it('goes on with the back-off of the watcher before it', async () => {
    for (let i = 0; i < 5; i++) expect(await store().store(crash(), write())).toBeDefined();
    expect(await store().store(crash(), write())).toBeUndefined();
    expect(await store().store(crash({ name: 'other' }), write())).toBeDefined();
    expect(await store({ backOff: false }).store(crash(), write())).toBeDefined();
    const late = crash({ time: new Date(Date.now() + 11_000) });
    expect(await store().store(late, write())).toMatchObject({ leftOut: 1 });
  });

  it('makes one dump at a time', async () => {
    const one = store({ limit: 3 });
    let running = 0;
    const alone: WriteDump = async (file, output) => {
      expect(++running).toBe(1);
      const report = await write({ type: FULL, snapshot: 'always' })(file, output);
      running--;
      return report;
    };
    const dumps = await Promise.all(Array.from({ length: 5 }, () => one.store(occasion(), alone)));
    expect(dumps.map((dump) => dump !== undefined)).toEqual([true, true, true, false, false]);
    await expectUntouched();
  });

  it('has no file of a dump that the callback writes by itself', async () => {
    let written = 0;
    const ioWriteAll = ({ bytes }: { bytes: Uint8Array }) => {
      written += bytes.length;
      return true;
    };
    const dump = (await store({ maxCount: 1 }).store(occasion(), write({ callbacks: { ioWriteAll } })))!;
    expect(dump).toMatchObject({ file: '', bytes: written, removed: [] });
    expect(names()).toEqual([]);
  });

  it('passes the errors of the process on, at once', async () => {
    const { pid } = program;
    await program.stop();
    for (const one of [crash({ pid }), occasion({ pid })]) {
      expect((await failure(store().store(one, write()))).code).toBe('no-such-process');
    }
    const broken: WriteDump = () => {
      throw new TypeError('a bug');
    };
    await expect(store().store(crash(), broken)).rejects.toThrow('a bug');
  });

  it.each<[DumpStoreOptions, RegExp]>([
    [{ maxCount: 0 }, /maxCount must be a whole number of at least 1, not 0/],
    [{ maxBytes: -1 }, /maxBytes/],
    [{ limit: 1.5 }, /limit/],
    [{ retries: Number.NaN }, /retries/],
    [{ spacing: -1 }, /spacing must be 0 or more/],
    [{ backOff: { first: -1 } }, /backOff.first/],
    [{ folder: '' }, /folder must be the path/],
    [{ fallback: 'a\0b' }, /fallback must be the path/],
    [{ onDump: [] }, /onDump must be/],
    [{ onDump: [''] }, /onDump must be/],
    [{ onDump: ['a', 'b\0'] }, /onDump must be/],
    [{ template: '{what}' }, /what/],
  ])('refuses %j', (options, message) => {
    expect(() => store(options)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(message) }),
    );
  });

  it('refuses a folder that is none', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of ['file', 'file/below']) {
      expect(() => store({ folder: join(folder, path) })).toThrow(
        expect.objectContaining({ code: 'output-folder', message: expect.stringMatching(/is no folder$/) }),
      );
    }
  });
});

const needsRoot = { missing: asRoot ? undefined : 'the right to mount a file system (root)' };

describeWith([...needs, needsRoot], 'a store on a disk that fails', () => {
  /** Dumps are so large that two have room and three have not. */
  const large = write({ comment: 'x'.repeat(300_000) });
  let size: number;
  beforeEach(async () => {
    const file = join(temporaryFolder(), 'size.dmp');
    size = (await large(file, {})).size;
    mount(folder, `size=${Math.ceil((size * 2.5) / 4096) * 4}k`);
  });

  it('removes the oldest of a full one, where a limit allows that', async () => {
    for (const more of [crash, occasion]) {
      const one = store({ template: '{trigger}-{n}.dmp', maxCount: 10, retries: 0, backOff: false });
      const { trigger } = more();
      for (let i = 0; i < 4; i++) await one.store(more(), large);
      const dump = (await one.store(more(), large))!;
      expect(names().filter((name) => name.startsWith(trigger))).toEqual([
        `${trigger}-4.dmp`,
        `${trigger}-5.dmp`,
      ]);
      expect(dump).toMatchObject({ attempts: 2, removed: [join(folder, `${trigger}-3.dmp`)] });
      for (const name of names()) {
        await expectDump(join(folder, name));
        rmSync(join(folder, name));
      }
    }
    await expectUntouched();
  });

  it('keeps the only dump there is where that would not help', async () => {
    const one = store({ template: '{n}.dmp', maxCount: 10, retries: 0, fallback: false });
    const { file } = (await one.store(occasion(), large))!;
    const error = await failure(one.store(occasion(), write({ type: FULL, comment: 'x'.repeat(500_000) })));
    expect(error.code).toBe('disk-full');
    expect(names()).toEqual([basename(file)]);
    await expectUntouched();
  });

  it('the dump of a crash goes elsewhere at once, and so says its line', async () => {
    const fallback = temporaryFolder();
    const one = store({ template: '{n}.dmp', fallback });
    await one.store(crash(), large);
    await one.store(crash(), large);
    const before = names();
    const dump = (await one.store(crash(), large))!;
    expect(names()).toEqual(before);
    expect(dump).toMatchObject({ file: join(fallback, '3.dmp'), attempts: 2 });
    expect(dump.warnings[0]).toMatch(/^not in .*: no space left/);
    await expectDump(dump.file);

    expect((await failure(store({ fallback: false }).store(crash(), large))).code).toBe('disk-full');
    // What shares its space is no other place.
    const inside = store({ fallback: join(folder, '.') });
    expect((await failure(inside.store(crash(), large))).code).toBe('disk-full');
    expect(names()).toEqual(before);
    await expectUntouched();
  });

  it('the limits hold where it goes instead', async () => {
    const fallback = temporaryFolder();
    const one = store({ template: '{n}.dmp', fallback, maxCount: 2, backOff: false });
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    const files: string[] = [];
    for (let i = 0; i < 4; i++) files.push((await one.store(crash(), large))!.file);
    expect(files.every((file) => file.startsWith(fallback))).toBe(true);
    expect(names(fallback)).toEqual(['3.dmp', '4.dmp']);
  });

  it('the dump of a crash is not compressed where that fails', async () => {
    const spool = temporaryFolder();
    mount(spool, 'size=4k');
    // More than is kept in memory while the process stands still.
    const zeros = await Program.start(await compile('large'), ['--touch', '20']);
    const spooled: WriteDump = (file, output) =>
      writeMinidump(zeros.pid, file, { type: FULL, snapshot: 'never', spool, ...output });
    folder = temporaryFolder();
    const one = store({ compress: 'zstd', template: '{n}.dmp', retries: 0 });
    expect((await failure(one.store(occasion(), spooled))).message).toMatch(/no space left to spool/);
    expect(names()).toEqual([]);
    const dump = (await one.store(crash(), spooled))!;
    expect(dump).toMatchObject({ attempts: 2, file: join(folder, '1.dmp') });
    expect(dump.warnings[0]).toMatch(/^not compressed: no space left to spool/);
    expect(readFileSync(dump.file, 'latin1').slice(0, 4)).toBe('MDMP');
  });

  it('a read-only one is said when the store is made', () => {
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    expect(() => store()).toThrow(
      expect.objectContaining({ code: 'output-denied', message: expect.stringMatching(/read-only/) }),
    );
  });

  it('what can wait is tried again until the disk is well', async () => {
    const one = store({ retries: 5 });
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    let failed = 0;
    const trying: WriteDump = async (file, output) => {
      try {
        return await large(file, output);
      } catch (error) {
        failed++;
        throw error;
      }
    };
    const all = Promise.all(
      [1, 2].map(() => one.store(occasion({ trigger: 'cpu-above' }), trying, { expectedBytes: 1 })),
    );
    await waitFor('both to fail', () => failed >= 2);
    execFileSync('mount', ['-o', 'remount,rw', folder]);
    const dumps = (await all).map((dump) => dump!);
    expect(Math.min(...dumps.map(({ attempts }) => attempts))).toBeGreaterThanOrEqual(2);
    for (const { file } of dumps) await expectDump(file);
    await expectUntouched();
  });

  it('a watcher that ends tries nothing again', async () => {
    const one = store({ retries: 100 });
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    const stored = failure(one.store(occasion(), large));
    one.cancel();
    expect((await stored).code).toBe('output-denied');
    await one.idle();
  });

  it('gives its space back after a failure', async () => {
    const free = statfsSync(folder).bfree;
    const one = store({ retries: 0 });
    const error = await failure(one.store(occasion(), write({ comment: 'x'.repeat(2_000_000) })));
    expect(error.code).toBe('disk-full');
    expect(statfsSync(folder).bfree).toBe(free);
    expect(names()).toEqual([]);
  });

  it('an old dump that cannot be removed is a warning', async () => {
    const one = store({ template: '{n}.dmp', maxCount: 1 });
    const { file } = (await one.store(occasion(), write()))!;
    mkdirSync(join(folder, 'bound'));
    // A file that is mounted over itself is busy.
    execFileSync('mount', ['--bind', file, file]);
    mounted.unshift(file);
    const dump = (await one.store(occasion(), write()))!;
    expect(dump.warnings.join()).toMatch(/an old dump cannot be removed: EBUSY/);
    await expectDump(dump.file);
  });
});

describeWith(needs, 'two stores of two processes in one folder', () => {
  async function storing(count: number, options: DumpStoreOptions): Promise<Program[]> {
    const script = join(root, 'test/programs/many-stores.mjs');
    return await Promise.all(
      [0, 1].map(async () => {
        const { pid } = await Program.start(await compile('target'));
        const words = [script, folder, String(pid), String(count), JSON.stringify(options)];
        return await Program.start(process.execPath, words);
      }),
    );
  }

  /** Both at once; whatever has a name meanwhile is a whole dump. */
  async function race(stores: readonly Program[]): Promise<StoredDump[]> {
    for (const one of stores) one.send('go');
    let seen = 0;
    while (stores.some((one) => !one.exited)) {
      for (const name of names()) {
        try {
          const dump = Minidump.openSync(readFileSync(join(folder, name)));
          expect(dump.getSync('threads')?.length).toBe(3);
          seen++;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toBeGreaterThan(0);
    const lines = (await Promise.all(stores.map((one) => one.rest()))).flat();
    for (const one of stores) expect([await one.end(), one.stderr]).toEqual([0, '']);
    return lines.map((line) => JSON.parse(line));
  }

  it('each dump has a name of its own, and none is lost', async () => {
    const dumps = await race(await storing(25, { template: 'app.dmp' }));
    expect(dumps).toHaveLength(50);
    expect(new Set(dumps.map(({ file }) => file)).size).toBe(50);
    expect(dumps.map(({ file }) => basename(file)).sort()).toEqual(names());
    expect(dumps.every(({ attempts }) => attempts === 1)).toBe(true);
    expect(names()).toContain('app-50.dmp');
  });

  it('both remove the oldest, and the newest stay', async () => {
    const dumps = await race(await storing(25, { template: '{n}.dmp', maxCount: 3 }));
    expect(dumps).toHaveLength(50);
    expect(names()).toHaveLength(3);
    expect(dumps.flatMap(({ warnings }) => warnings)).toEqual([]);
    // Each was removed by one of the two, once. (Names come again.)
    expect(dumps.flatMap(({ removed }) => removed)).toHaveLength(47);
  });

  it('down to one: there is always one', async () => {
    await race(await storing(25, { template: 'app.dmp', maxCount: 1 }));
    expect(names()).toHaveLength(1);
  });
});

describeWith(needs, 'a watcher that is killed', () => {
  it('leaves whole dumps only, and the process as it was', async () => {
    const words = [join(root, 'test/programs/many-stores.mjs'), folder, String(program.pid), '10000', '{}'];
    for (let i = 1; i <= 10; i++) {
      const watcher = await Program.start(process.execPath, words);
      const before = names().length;
      watcher.send('go');
      await waitFor('its dumps', () => names().length >= before + i);
      watcher.kill('SIGKILL');
      await watcher.end();
    }
    await expectUntouched();
    const all = readdirSync(folder);
    expect(all.length).toBeGreaterThanOrEqual(55);
    for (const name of all) await expectDump(join(folder, name));
  });
});

describeWith(needs, 'a store without rights', () => {
  it.runIf(asRoot)('says so when it is made', () => {
    const denied = join(folder, 'denied');
    mkdirSync(denied);
    chmodSync(denied, 0o500);
    chmodSync(folder, 0o755);
    const nobody = 65534;
    process.seteuid!(nobody);
    try {
      expect(() => store({ folder: denied })).toThrow(
        expect.objectContaining({ code: 'output-denied', message: expect.stringMatching(/no permission/) }),
      );
    } finally {
      process.seteuid!(0);
    }
  });
});
