import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeMinidump } from '../../../dist/index.js';
import {
  type DumpHook,
  DumpStore,
  type DumpStoreOptions,
  type StoredDump,
} from '../../../dist/watch/dumps/index.js';
import { compile, Program, stopPrograms, temporaryFolder } from '../../support/programs.js';
import { run, waitFor } from '../../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../../support/tools.js';

const script = (name: string) => join(root, 'test/programs', name);

let program: Program;
let folder: string;
let log: string;
/** Processes that hooks have started, which nobody else ends. */
const left = new Set<number>();
beforeEach(async () => {
  program = await Program.start(await compile('target'));
  folder = temporaryFolder();
  log = join(temporaryFolder(), 'log');
});
afterEach(async () => {
  for (const pid of left) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  left.clear();
  await stopPrograms();
});

interface Note {
  pid: number;
  event: string;
  words: string[];
  input: string;
  child: number;
}

function notes(): Note[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** What a process that stores dumps prints: its lines, and what it says on stderr. */
async function stored(count: number, how: string, options: DumpStoreOptions = {}) {
  const onDump = [process.execPath, script('hook.mjs'), how, log, 'a word of its own'];
  const words = [folder, String(program.pid), String(count), JSON.stringify({ onDump, ...options })];
  const { status, stdout, stderr } = await run(process.execPath, [script('hooked-store.mjs'), ...words]);
  expect(status).toBe(0);
  const lines = stdout.toString().trimEnd().split('\n');
  return { lines, problems: stderr.toString().trimEnd() };
}

/** The same in this process. */
function store(onDump: DumpHook, options: DumpStoreOptions = {}) {
  const problems: string[] = [];
  const one = new DumpStore({ folder, onDump, onProblem: (text) => problems.push(text), ...options });
  const dump = async (): Promise<StoredDump> => {
    const { pid } = program;
    const occasion = { pid, name: 'target', trigger: 'request', text: '', time: new Date() };
    return (await one.store(occasion, (file, output) => writeMinidump(pid, file, output)))!;
  };
  return { one, dump, problems };
}

const isAlive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
};

describeWith(['gcc', needsLinux, needsBuild], 'a hook that is a program', () => {
  it('gets the file as its last word, the line on its input, and our stderr', async () => {
    const { lines, problems } = await stored(1, 'fine');
    expect(lines).toHaveLength(1);
    const [file] = readdirSync(folder);
    expect(notes()).toMatchObject([
      { event: 'start', words: ['a word of its own', join(folder, file!)], input: `${lines[0]}\n` },
      { event: 'end' },
    ]);
    expect(problems).toBe('said by the hook');
  });

  it('runs for one dump after the other', async () => {
    const { lines } = await stored(4, 'slow');
    expect(lines).toHaveLength(4);
    expect(notes().map(({ event }) => event)).toEqual(Array(4).fill(['start', 'end']).flat());
    expect(notes().flatMap(({ input }) => input ?? [])).toEqual(lines.map((line) => `${line}\n`));
  });

  it.each([
    ['fails', 'ended with exit code 3'],
    ['killed', 'was killed by SIGKILL'],
  ])('that %s is one line, for each dump', async (how, text) => {
    const { lines, problems } = await stored(2, how);
    expect(lines).toHaveLength(2);
    expect(problems.split('\n').filter((line) => line !== 'said by the hook')).toEqual(
      lines.map((line) => `problem: the hook for ${JSON.parse(line).file} ${text}`),
    );
  });

  it('that is not there, or may not be run, is one line', async () => {
    for (const [path, why] of [
      ['/no/such/program', 'ENOENT'],
      [folder, 'EACCES'],
    ]) {
      const { one, dump, problems } = store([path!]);
      const { file } = await dump();
      await one.idle();
      expect(problems).toEqual([expect.stringMatching(`^the hook for ${file} cannot be started: .*${why}`)]);
    }
  });

  it('need not read what it is told, and may leave something in the background', async () => {
    expect((await stored(1, 'unread')).problems).toBe('said by the hook');
    const { one, dump, problems } = store([
      'sh',
      '-c',
      'sleep 1000 & echo "{\\"event\\":\\"start\\",\\"child\\":$!}" > "$0"',
      log,
    ]);
    await dump();
    await one.idle();
    expect(problems).toEqual([]);
    left.add(notes()[0]!.child);
    expect(isAlive(notes()[0]!.child)).toBe(true);
  });

  it('that takes too long is ended, with all that it has started', async () => {
    const { one, dump, problems } = store([process.execPath, script('hook.mjs'), 'deaf', log], {
      hookTimeout: 5000,
    });
    const { file } = await dump();
    await waitFor('its start', () => notes().length > 0, 30_000);
    const [{ pid, child }] = notes() as [Note];
    left.add(pid).add(child);
    await one.idle();
    expect(problems).toEqual([`the hook for ${file} was ended after 5 s`]);
    expect(notes().map(({ event }) => event)).toEqual(['start', 'SIGTERM']);
    await waitFor('their end', () => !isAlive(pid) && !isAlive(child));
  });

  it('is ended with the watcher; those that wait are not started', async () => {
    const { one, dump, problems } = store([process.execPath, script('hook.mjs'), 'deaf', log]);
    const files = [(await dump()).file, (await dump()).file];
    await waitFor('its start', () => notes().length > 0, 30_000);
    const [{ pid, child }] = notes() as [Note];
    left.add(pid).add(child);
    one.cancel();
    await one.idle();
    expect(problems).toEqual([
      `the hook for ${files[0]} was ended, as the watcher ends`,
      `the hook for ${files[1]} was not started: the watcher ends`,
    ]);
    expect(isAlive(pid)).toBe(false);
  });

  it('is not called for a dump that has gone', async () => {
    const { one, dump, problems } = store(['false']);
    const { file } = await dump();
    rmSync(file);
    await one.idle();
    expect(problems).toEqual([expect.stringMatching(/^the hook for .* was not called: the limits/)]);
  });
});

describeWith(['gcc', needsLinux, needsBuild], 'a hook that is a function', () => {
  it('is called with the dump, after whoever asked for it has it', async () => {
    const order: string[] = [];
    const { one, dump, problems } = store(async ({ file, occasion }) => {
      order.push(`${basename(file)} of ${occasion.name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      order.push('ends');
    });
    const dumps = [await dump().finally(() => order.push('is there')), await dump()];
    await one.idle();
    expect(order[0]).toBe('is there');
    expect(order.slice(1)).toEqual(
      dumps.flatMap(({ file }) => [`${basename(file)} of target begins`, 'ends']),
    );
    expect(problems).toEqual([]);
  });

  it('that throws, rejects or never comes back is one line', async () => {
    const hooks: DumpHook[] = [
      () => {
        throw new Error('at once');
      },
      async () => {
        await Promise.reject(new Error('later'));
      },
      () => new Promise(() => {}),
    ];
    const all: string[] = [];
    for (const hook of hooks) {
      const { one, dump, problems } = store(hook, { hookTimeout: 50 });
      const { file } = await dump();
      await one.idle();
      all.push(...problems.map((text) => text.replace(file, 'FILE')));
    }
    expect(all).toEqual([
      'the hook for FILE failed: at once',
      'the hook for FILE failed: later',
      'the hook for FILE has not come back after 0.05 s, and is not waited for',
    ]);
  });
});
