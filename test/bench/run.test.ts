import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { compile, Program, readProcessMemory, stopPrograms, temporaryFolder } from '../support/programs.js';
import { type RunResult, run } from '../support/run.js';
import { describeWith, needsBuild, needsCorpus, needsLinux, requireTool, root } from '../support/tools.js';

afterEach(stopPrograms);

const folder = mkdtempSync(join(tmpdir(), 'mdmp-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...args: string[]): Promise<RunResult> =>
  run(process.execPath, [join(root, 'bench', 'run.js'), ...args], { timeoutMs: 240_000 });

describeWith([needsLinux, needsBuild, 'gcc'], 'npm run bench', () => {
  const script = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('measures, and leaves nothing behind', async () => {
    const dumps = temporaryFolder();
    const mdmp = `"${process.execPath}" "${join(root, 'dist/cli/main.js')}"`;
    const json = join(folder, 'run.json');
    // Stands for Breakpad: called PROGRAM PID FILE. The other one is Crashpad's generate_dump, which does not work here.
    const breakpad = script('breakpad', `exec ${mdmp} dump "$1" -o "$2"`);
    const crashpad = script('crashpad', '[ "$1" = -o ] && [ "$3" -gt 1 ] && echo "no | luck" && exit 7');
    const { status, stdout, stderr } = await bench(
      ...['--only', 'small,resting', '--runs', '1', '--json', json, '--folder', dumps],
      ...['--breakpad', breakpad, '--crashpad', crashpad],
    );
    expect({ status, stderr: stderr.toString() }).toMatchObject({ status: 0 });
    const text = stdout.toString();
    expect(text).toMatch(/^\| tool \| wall ms \| ratio \| pause ms \|/m);
    for (const tool of ['mdmp', 'Breakpad', 'mdmp full', 'C loop'])
      expect(text).toMatch(new RegExp(`^\\| ${tool} \\|( [\\d.]+×? \\|){8} [\\d.]+ [KM]iB \\|$`, 'm'));
    expect(text).toContain('| Crashpad | failed: exit 7: no / luck |');
    expect(text).toMatch(
      /^\| small, at rest: the whole command against `node -e 0` \| [\d.]+× \| at most 2.50× \|/m,
    );

    const [small] = JSON.parse(readFileSync(json, 'utf8')).targets;
    const full = small.tools.find(({ name }: { name: string }) => name === 'mdmp full').results[0];
    // 3 MiB were touched; Node alone takes 40 MB; the target stood still within the time that the command took.
    expect(full.bytes).toBeGreaterThan(3 << 20);
    expect(full.peakMb).toBeGreaterThan(30);
    expect(full.pauseMs).toBeGreaterThan(0);
    expect(full.wallMs).toBeGreaterThan(20);
    expect(full.secondMs).toBeLessThanOrEqual(full.pauseMs);
    expect(readdirSync(dumps)).toEqual([]);
  }, 300_000);

  it('measures what mdmp/register takes', async () => {
    const { status, stdout, stderr } = await bench('--quick', '--only', 'register', '--runs', '1');
    expect({ status, stderr: stderr.toString() }).toMatchObject({ status: 0 });
    const text = stdout.toString();
    for (const what of ['start of `node -e 0`, ms', 'HTTP requests a second', 'work of one thread, ms'])
      expect(text).toMatch(new RegExp(`^\\| ${what} \\| [\\d.]+ \\| [\\d.]+ \\| [\\d.]+× \\|$`, 'm'));
    expect(text).toMatch(/^The start takes -?[\d.]+ ms more \(limit: 60 ms/m);
  });

  it('says what is wrong', async () => {
    const cases: [string[], RegExp][] = [
      [['--only', 'smal'], /^bench: --only smal: there are small, resting, threads100, .*memory-limit$/m],
      [['--runs', '0'], /^bench: --runs wants a number, not 0$/m],
      [['--breakpad', '/nowhere'], /^bench: Breakpad: there is no \/nowhere$/m],
      [['--fast'], /^bench: Unknown option '--fast'/m],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = await bench(...args);
      expect(status).toBe(1);
      expect(stderr.toString()).toMatch(message);
    }
  });
});

describeWith(
  [needsLinux, needsBuild, needsCorpus, 'gcc', 'minidump_stackwalk'],
  'npm run bench -- --only stacks',
  () => {
    it('walks the stacks of a dump with other tools, and those of many dumps in one process', async () => {
      const json = join(folder, 'stacks.json');
      const dumps = temporaryFolder();
      const { status, stdout, stderr } = await bench(
        ...['--quick', '--only', 'stacks', '--runs', '1', '--json', json, '--folder', dumps],
      );
      expect({ status, stderr: stderr.toString() }).toMatchObject({ status: 0 });
      const text = stdout.toString();
      for (const name of ['small', 'little-cold', 'little-warm'])
        expect(text).toContain(`## stacks, ${name}: `);
      for (const tool of ['Breakpad', 'mdmp stack', 'mdmp stack --json'])
        expect(text).toMatch(new RegExp(`^\\| ${tool}( \\| [\\d.]+ \\| [\\d.]+×){2} \\| [\\d.]+ \\|$`, 'm'));
      const { cases, rates } = JSON.parse(readFileSync(json, 'utf8')).stacks;
      // An index that is there is not made again: less of everything.
      const peak = (wanted: string) =>
        cases
          .find(({ name }: { name: string }) => name === wanted)
          .tools.find(({ name }: { name: string }) => name === 'mdmp stack').results[0].peakMb;
      expect(peak('little-warm')).toBeLessThan(peak('little-cold'));
      expect(rates).toHaveLength(3);
      for (const { perSecond, named } of rates) {
        expect(perSecond).toBeGreaterThan(1);
        expect(named).toBeGreaterThan(1);
      }
      expect(readdirSync(dumps)).toEqual([]);
    }, 300_000);
  },
);

describeWith([needsLinux, 'gcc'], 'the programs of the benchmark', () => {
  const build = async (name: string): Promise<string> => {
    const path = join(folder, name);
    const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', path];
    const { status, stderr } = await run(requireTool('gcc'), [...flags, join(root, 'bench', `${name}.c`)]);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    return path;
  };
  let paths: Record<'copy-loop' | 'measure' | 'machine', string>;
  beforeAll(async () => {
    const [copyLoop, measure, machine] = await Promise.all(['copy-loop', 'measure', 'machine'].map(build));
    paths = { 'copy-loop': copyLoop!, measure: measure!, machine: machine! };
  });

  it('copy-loop copies what is there, and only that', async () => {
    const args = ['--threads', '20', '--touch', '5', '--reserve', '8', '--probe', 'sleep'];
    const program = await Program.start(await compile('pausewatch'), args);
    const { address, length } = program.range('touched');
    const file = join(folder, 'copied');
    expect((await run(paths['copy-loop'], [String(program.pid), file])).status).toBe(0);
    const copied = readFileSync(file);
    expect(copied.length).toBeLessThan(32 << 20);
    expect(copied.includes(readProcessMemory(program.pid, address, length))).toBe(true);
    // It was stopped, and runs on.
    expect(Number((await program.command('report')).get('longest_us'))).toBeGreaterThan(0);
    expect(readFileSync(`/proc/${program.pid}/status`, 'utf8')).toMatch(/^TracerPid:\t0$/m);
  });

  it('measure tells what a command took', async () => {
    const report = join(folder, 'report');
    const measure = (...command: string[]) => run(paths.measure, [report, String(1 << 20), ...command]);
    const figures = () =>
      Object.fromEntries(
        [...readFileSync(report, 'utf8').matchAll(/^(\w+)=(\d+)$/gm)].map(([, name, value]) => [
          name!,
          Number(value),
        ]),
      );
    await measure('sh', '-c', 'sleep 0.2; exit 3');
    expect(figures().status).toBe(3);
    // It slept.
    expect(figures().processor_us! * 1000).toBeLessThan(figures().ended_ns! - figures().began_ns!);
    expect(figures().ended_ns! - figures().began_ns!).toBeGreaterThan(200e6);
    // A shell, though a process of more than 40 MB started all of this.
    expect(figures().peak_kib).toBeLessThan(16 << 10);
    await measure(process.execPath, '-e', 'Buffer.alloc(200 << 20, 1)');
    expect(figures().processor_us).toBeGreaterThan(0);
    expect(figures().peak_kib).toBeGreaterThan(200 << 10);
    await measure('sh', '-c', 'kill -9 $$');
    expect(figures().status).toBe(137);
    // No file gets larger than was said.
    const large = join(folder, 'large');
    await measure('dd', 'if=/dev/zero', `of=${large}`, 'bs=64k', 'count=100');
    expect(figures().status).not.toBe(0);
    expect(readFileSync(large)).toHaveLength(1 << 20);
    expect((await measure('/nowhere/at/all')).status).toBe(127);
  });

  it('machine prints speeds', async () => {
    const { status, stdout } = await run(paths.machine, [folder]);
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(/^read_gbs=\d+\.\d\d\nwrite_gbs=\d+\.\d\d\nboth_gbs=\d+\.\d\d\n$/);
  });
});
