import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { corpusFolder, describeWith, needsBuild, needsCorpus, root } from '../support/tools.js';
import { endServers, files, startServer } from '../symbols/servers/http-server.js';
import { scratchFolder } from './command.js';

endServers();

const main = join(root, 'dist', 'cli', 'main.js');
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** Runs the command while this process goes on: it is the one that answers. */
async function mdmp(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [main, ...words], {
    env: { ...process.env, no_proxy: '*', _NT_SYMBOL_PATH: '', DEBUGINFOD_URLS: '', ...env },
  });
  running.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [exit] = await once(child, 'close');
  return { exit, stdout, stderr };
}

const corpus = (path: string) => join(corpusFolder() ?? '', path);
const SYM = 'test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym';

describeWith([needsBuild, needsCorpus], 'mdmp stack with servers', () => {
  const folder = scratchFolder();
  const dump = corpus('rust-minidump/test.dmp');
  const sym = () => ({ [`/${SYM}`]: readFileSync(corpus(`rust-minidump/symbols/${SYM}`)) });
  let caches = 0;
  const fresh = () => ['--symbols-cache', join(folder, `cache${caches++}`)];

  it('fetches what the stacks want, says where it is from, and has it the next time', async () => {
    const { url, requests } = await startServer(files(sym()));
    const words = ['stack', dump, '--symbol-server', url, ...fresh()];
    const { exit, stdout, stderr } = await mdmp([...words, '--json']);
    expect([exit, stderr]).toEqual([0, '']);
    const { modules, crashing_thread } = JSON.parse(stdout);
    expect(crashing_thread.frames[0].function).toBe("`anonymous namespace'::CrashFunction");
    expect(modules[0]).toMatchObject({
      filename: 'test_app.exe',
      loaded_symbols: true,
      missing_symbols: false,
      symbol_url: `${url}/${SYM}`,
    });
    const asked = requests.length;
    const again = await mdmp([...words, '--json']);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(stdout));
    const offline = await mdmp([...words, '--json', '--offline']);
    expect(JSON.parse(offline.stdout).modules[0].loaded_symbols).toBe(true);
    expect(requests).toHaveLength(asked);
  });

  it('asks no server that was not named, whatever the environment says', async () => {
    const { url, requests } = await startServer(files(sym()));
    const env = { _NT_SYMBOL_PATH: `srv*${folder}*${url}`, DEBUGINFOD_URLS: url };
    const { exit, stdout } = await mdmp(['stack', dump, '--brief', ...fresh()], env);
    expect(exit).toBe(0);
    expect(stdout).not.toContain('CrashFunction');
    expect(requests).toEqual([]);
  });

  it('asks those of the environment with --symbol-env', async () => {
    const { url, requests } = await startServer(files(sym()));
    const store = join(folder, 'nt');
    const env = { _NT_SYMBOL_PATH: `srv*${store}*${url}`, DEBUGINFOD_URLS: `${url}/d` };
    const words = ['stack', dump, '--brief', '--symbol-env', ...fresh()];
    expect((await mdmp(words, env)).exit).toBe(0);
    expect(requests).toContain('/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.pdb');
    expect(requests.some((path) => path.endsWith('.sym'))).toBe(false);
    const without = await mdmp(words);
    expect(without).toMatchObject({ exit: 2, stderr: expect.stringContaining('--symbol-env finds neither') });
  });

  it('says in one line that a server does not answer, and goes on without it', async () => {
    const { url, server } = await startServer(() => {});
    await new Promise((resolve) => server.close(resolve));
    const { exit, stdout, stderr } = await mdmp([
      ...['stack', dump, '--brief', '--symbol-server', url, ...fresh()],
      corpus('rust-minidump/symbols'),
    ]);
    expect(exit).toBe(0);
    expect(stdout).toContain('CrashFunction');
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^warning: .*ECONNREFUSED/)]);
  });

  it('says in gaps what a server would need, and who does not have it', async () => {
    const { url } = await startServer(files({}));
    const { stdout } = await mdmp(['gaps', dump, '--json', '--symbols-url', url, ...fresh()]);
    const [gap] = JSON.parse(stdout);
    expect(gap.files[0]).toBe(SYM);
    expect(gap.remedy).toContain(`not to be had from ${url}`);
  });

  it.each([
    [['--offline'], '--offline goes with'],
    [['--symbol-server', 'symbols'], 'no URL of a symbol server'],
    [['--symbol-server', 'http://a', '--symbols-download-timeout-secs', 'x'], 'must be a number of seconds'],
  ])('refuses %j', async (words, message) => {
    const { exit, stderr } = await mdmp(['stack', dump, ...words]);
    expect([exit, stderr.includes(message)]).toEqual([2, true]);
  });

  it('gets its symbols from mdmp symbols serve, which ends on a signal', async () => {
    const child = spawn(process.execPath, [main, 'symbols', 'serve', corpus('rust-minidump/symbols')]);
    running.push(child);
    const [line] = await once(child.stdout, 'data');
    const url = String(line).trim();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const cache = fresh();
    const { stdout } = await mdmp(['stack', dump, '--brief', '--symbol-server', url, ...cache]);
    expect(stdout).toContain('CrashFunction');
    expect(existsSync(join(cache[1]!, 'downloads', SYM))).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});
