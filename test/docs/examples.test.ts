import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-codes.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

/** Compilation and run of an example get what a user has: the built package under its own name. */
const folder = mkdtempSync(join(root, 'test', 'docs', '.examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

interface Example {
  name: string;
  code: string;
}

/**
 * The ```ts blocks that stand below a line `<!-- run -->`. They are compiled, and run as programs: the first argument is the
 * id of a process, and the current folder is empty.
 */
const examples: Example[] = documents.flatMap((document) =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/^<!-- run -->\n```ts\n(.*?)^```$/gms)].map(
    (match, i) => ({
      name: `${document.replaceAll(/\W+/g, '-')}-${i + 1}`,
      code: match[1]!,
    }),
  ),
);

describeWith([needsBuild, needsLinux], 'the examples of README and docs', () => {
  let compiled: ReturnType<typeof spawnSync>;
  let target: ChildProcess;

  beforeAll(() => {
    for (const { name, code } of examples) writeFileSync(join(folder, `${name}.ts`), code);
    const compilerOptions = { noEmit: false, outDir: join(folder, 'build'), noImplicitAny: false };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions, include: ['*.ts'] }),
    );
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    compiled = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    target = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  });

  afterAll(() => target.kill('SIGKILL'));

  it('are found', () => expect(examples.length).toBeGreaterThanOrEqual(3));

  it('compile', () => expect(compiled.stdout).toBe(''));

  it.each(examples)('$name runs', ({ name }) => {
    const cwd = join(folder, `in-${name}`);
    mkdirSync(cwd);
    execFileSync(process.execPath, [join(folder, 'build', `${name}.js`), String(target.pid)], {
      cwd,
      stdio: 'pipe',
    });
  });
});

it('every error and its exit code is in docs/errors.md', () => {
  const text = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
  const documented = [...text.matchAll(/^\| (\d+) \| `([\w-]+)` \|/gm)].map(([, exit, code]) => [
    code,
    Number(exit),
  ]);
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries(Object.entries(EXIT_CODES).map(([code, { exit }]) => [code, exit])),
  );
});

it('no two errors have the same exit code', () => {
  const exits = Object.values(EXIT_CODES).map(({ exit }) => exit);
  expect(new Set(exits).size).toBe(exits.length);
  expect(Math.max(...exits)).toBeLessThan(126); // from there on the shell has meanings of its own
});
