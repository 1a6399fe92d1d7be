import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readCodeFile, writeCodeFile } from '../../src/cli/code-cache-file.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus, needsLinux, root } from '../support/tools.js';

afterAll(removeFolders);

const dump = join(corpusFolder() ?? '', 'rust-minidump', 'linux-mini.dmp');
const NAME = `threads-${process.version}-${process.arch}`;
const NOBODY = 65534;

/** Runs `mdmp threads` of a build, with a folder for caches. */
function threads(
  cache: string,
  { build = root, cwd = root, env = {} }: { build?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const args = [join(build, 'dist/cli/main.js'), 'threads', dump];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    cwd,
    env: {
      ...process.env,
      NODE_V8_COVERAGE: undefined,
      NODE_DISABLE_COMPILE_CACHE: undefined,
      XDG_CACHE_HOME: cache,
      ...env,
    },
  });
  return { exit: status, stdout, stderr };
}

const codeFolder = (cache: string) => join(cache, 'mdmp', 'code');
const codeFile = (cache: string) => join(codeFolder(cache), NAME);
const mode = (path: string) => statSync(path).mode & 0o777;

/** A copy of the build in which the table of threads has another head, of the same length. */
function otherBuild(): string {
  const folder = temporaryFolder();
  cpSync(join(root, 'dist/cli'), join(folder, 'dist/cli'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  change(folder);
  return folder;
}

function change(build: string): void {
  const file = join(build, 'dist/cli/threads.js');
  const source = readFileSync(file, 'utf8');
  expect(source).toContain('stack pointer');
  writeFileSync(file, source.replace('stack pointer', 'STACK POINTER'));
}

/** A cache whose code prints `STACK POINTER`, and says that it was made of the source that does not. */
function forgedCache(): string {
  const [cache, build] = [temporaryFolder(), otherBuild()];
  threads(cache, { build });
  const codes = readCodeFile(readFileSync(codeFile(cache)));
  const source = readFileSync(join(root, 'dist/cli/threads.js'));
  codes.set('threads.js', { ...codes.get('threads.js')!, sourceCrc: crc32(source) });
  writeFileSync(codeFile(cache), Buffer.concat(writeCodeFile(codes)), { mode: 0o600 });
  return cache;
}

describeWith([needsBuild, needsCorpus, needsLinux], 'the code cache', () => {
  const usual = threads(temporaryFolder(), { env: { NODE_DISABLE_COMPILE_CACHE: '1' } });

  it('is written once, for this user only, and changes no answer', () => {
    const cache = temporaryFolder();
    expect(usual.stdout).toContain('stack pointer');
    expect(threads(cache)).toEqual(usual);
    expect([mode(join(cache, 'mdmp')), mode(codeFolder(cache)), mode(codeFile(cache))]).toEqual([
      0o700, 0o700, 0o600,
    ]);
    // Nothing of the dump is in it.
    const written = readFileSync(codeFile(cache), 'latin1');
    const values = usual.stdout.match(/0x[0-9a-f]{8,}/g) ?? [];
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) expect(written).not.toContain(value);
    const { ino } = statSync(codeFile(cache));
    expect(threads(cache)).toEqual(usual);
    expect(readdirSync(codeFolder(cache))).toEqual([NAME]);
    expect(statSync(codeFile(cache)).ino).toBe(ino);
  });

  it('is what runs', () => {
    const { exit, stdout } = threads(forgedCache());
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: usual.stdout.replace('stack pointer', 'STACK POINTER'),
    });
  });

  describe('is not used', () => {
    const cases: Record<string, (cache: string) => void> = {
      'from a file that others may read': (cache) => chmodSync(codeFile(cache), 0o644),
      'from a file that others may write': (cache) => chmodSync(codeFile(cache), 0o660),
      'through a link': (cache) => {
        renameSync(codeFile(cache), join(cache, 'elsewhere'));
        symlinkSync(join(cache, 'elsewhere'), codeFile(cache));
      },
      'from a folder that others may look into': (cache) => chmodSync(codeFolder(cache), 0o755),
      'from a folder that others may write to': (cache) => chmodSync(codeFolder(cache), 0o770),
      'below a folder that others may write to': (cache) => chmodSync(cache, 0o777),
      'if the file is damaged': (cache) => {
        const bytes = readFileSync(codeFile(cache));
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(codeFile(cache), bytes);
      },
      'if the file is cut off': (cache) => {
        const bytes = readFileSync(codeFile(cache));
        writeFileSync(codeFile(cache), bytes.subarray(0, bytes.length - 8));
      },
      'if the file is empty': (cache) => writeFileSync(codeFile(cache), ''),
    };
    // Only root can give a file away; tests in CI run as root.
    if (process.geteuid?.() === 0) {
      cases['from a file of another user'] = (cache) => chownSync(codeFile(cache), NOBODY, NOBODY);
      cases['from a folder of another user'] = (cache) => chownSync(codeFolder(cache), NOBODY, NOBODY);
      cases['below a folder of another user'] = (cache) => chownSync(cache, NOBODY, NOBODY);
    }
    for (const [name, spoil] of Object.entries(cases)) {
      it(name, () => {
        const cache = forgedCache();
        spoil(cache);
        expect(threads(cache)).toEqual(usual);
        // And again, whatever it left.
        expect(threads(cache)).toEqual(usual);
      });
    }
  });

  it('is made anew where it was damaged', () => {
    const cache = forgedCache();
    writeFileSync(codeFile(cache), 'MDMPCODE');
    threads(cache);
    expect([...readCodeFile(readFileSync(codeFile(cache))).keys()]).toContain('threads.js');
  });

  it('does not serve another build, nor other flags of V8', () => {
    const [cache, build] = [temporaryFolder(), otherBuild()];
    threads(cache);
    expect(threads(cache, { build }).stdout).toContain('STACK POINTER');
    expect(threads(cache)).toEqual(usual);
    expect(threads(cache, { env: { NODE_OPTIONS: '--jitless' } })).toMatchObject({
      exit: 0,
      stdout: usual.stdout,
    });
    expect(threads(cache)).toEqual(usual);
  });

  it('keeps what another run of the command needed', () => {
    const cache = temporaryFolder();
    const json = [join(root, 'dist/cli/main.js'), 'threads', dump, '--json'];
    const env = {
      ...process.env,
      NODE_V8_COVERAGE: undefined,
      NODE_DISABLE_COMPILE_CACHE: undefined,
      XDG_CACHE_HOME: cache,
    };
    threads(cache);
    expect(spawnSync(process.execPath, json, { env }).status).toBe(0);
    const { ino } = statSync(codeFile(cache));
    threads(cache);
    spawnSync(process.execPath, json, { env });
    expect(statSync(codeFile(cache)).ino).toBe(ino);
  });

  it('is left alone where it is not wanted, by --debug, by failures and by commands for live processes', () => {
    const cache = temporaryFolder();
    threads(cache, { env: { NODE_DISABLE_COMPILE_CACHE: '1' } });
    const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: cache };
    for (const words of [
      ['threads', dump, '--debug'],
      ['threads', join(cache, 'none.dmp')],
      ['dump', '--help'],
    ])
      spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...words], { env });
    expect(existsSync(codeFolder(cache))).toBe(false);
  });

  it('makes nothing in the folder of somebody else, and goes without', () => {
    const cache = temporaryFolder();
    if (process.geteuid?.() === 0) chownSync(cache, NOBODY, NOBODY);
    else chmodSync(cache, 0o777);
    expect(threads(cache)).toEqual(usual);
    expect(readdirSync(cache)).toEqual([]);
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(threads(file)).toEqual(usual);
  });

  it('is not missed by a user without a home', () => {
    const folder = temporaryFolder();
    const preload = join(folder, 'no-home.cjs');
    writeFileSync(preload, "require('node:os').homedir = () => { throw new Error('no home'); };");
    const nowhere = { XDG_CACHE_HOME: undefined, NODE_OPTIONS: `--require=${preload}` };
    expect(threads('', { env: nowhere })).toEqual(usual);
    expect(threads('', { cwd: folder, env: { XDG_CACHE_HOME: undefined, HOME: '' } })).toEqual(usual);
    expect(readdirSync(folder)).toEqual(['no-home.cjs']);
  });

  it('goes with a folder that is reached through a link', () => {
    const cache = temporaryFolder();
    mkdirSync(join(cache, 'real'));
    symlinkSync(join(cache, 'real'), join(cache, 'link'));
    expect(threads(join(cache, 'link'))).toEqual(usual);
    expect(existsSync(codeFile(join(cache, 'real')))).toBe(true);
  });
});
