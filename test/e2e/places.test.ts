import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Minidump, writeMinidump } from '../../dist/index.js';
import { readelfBuildId } from '../support/judges.js';
import { compile, Program, stopPrograms, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

afterEach(stopPrograms);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describeWith(['gcc', needsLinux, needsBuild], 'a target in another place', () => {
  it('in a mount namespace of its own: build ids of files that only it sees', async () => {
    const folder = temporaryFolder();
    const program = await compile('target');
    const hidden = join(folder, 'hidden');
    mkdirSync(hidden);
    // The program lies on a file system that is mounted in its own namespace only.
    const child = spawn(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        `mount -t tmpfs none ${hidden} && cp ${program} ${hidden}/inside && exec ${hidden}/inside`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    try {
      await waitFor('the program', () => {
        try {
          return readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('inside');
        } catch {
          return false;
        }
      });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const codeViews: (Uint8Array | undefined)[] = [];
      const report = await writeMinidump(child.pid!, join(folder, 'n.dmp'), {
        callbacks: {
          module: ({ path, codeView }) => {
            if (path === join(hidden, 'inside')) codeViews.push(codeView);
            return true;
          },
        },
      });
      expect(report.modules.written).toBeGreaterThan(1);
      expect(codeViews.length).toBe(1);
      expect(hex(codeViews[0]!.subarray(4))).toBe(await readelfBuildId(program));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('of another user: an ordinary user is told what is in the way; its own child it may dump', async () => {
    // A user who can reach neither this checkout nor root's folders gets a copy of what runs.
    const place = temporaryFolder();
    chmodSync(place, 0o755);
    cpSync(join(root, 'dist'), join(place, 'dist'), { recursive: true });
    writeFileSync(join(place, 'package.json'), '{"type":"module","version":"0.0.0"}');
    cpSync(join(root, 'node_modules', 'koffi'), join(place, 'node_modules', 'koffi'), {
      recursive: true,
      dereference: true,
    });
    for (const name of ['@koromix', 'commander', 'picocolors']) {
      cpSync(join(root, 'node_modules', name), join(place, 'node_modules', name), {
        recursive: true,
        dereference: true,
      });
    }
    const node = join(place, 'node');
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
    const output = join(place, 'out');
    mkdirSync(output);
    execFileSync('chown', ['12345:12345', output]);
    const asUser = { uid: 12345, gid: 12345, encoding: 'utf8', cwd: output, timeout: 60_000 } as const;
    const main = join(place, 'dist/cli/main.js');

    const roots = await Program.start(await compile('target'));
    const refused = spawnSync(node, [main, 'dump', String(roots.pid), '-o', 'r.dmp'], asUser);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr.trim().split('\n').length).toBe(1);
    expect(refused.stderr).toMatch(/user 0|CAP_SYS_PTRACE/);

    const script = join(place, 'own.mjs');
    writeFileSync(
      script,
      `import { spawn } from 'node:child_process';
       import { writeMinidump } from './dist/index.js';
       const child = spawn('sleep', ['100']);
       await new Promise((resolve) => child.once('spawn', resolve));
       const report = await writeMinidump(child.pid, 'own.dmp', { type: 2 });
       console.log(JSON.stringify([report.threads.written, report.modules.written]));
       child.kill();`,
    );
    const own = spawnSync(node, [script], asUser);
    expect(own.stderr).toBe('');
    expect(JSON.parse(own.stdout)).toEqual([1, 4]);
    expect((await Minidump.open(readFileSync(join(output, 'own.dmp')))).directory.length).toBeGreaterThan(5);

    // Read-only folder: refused before the target is touched.
    execFileSync('chmod', ['500', output]);
    const readOnly = spawnSync(node, [main, 'dump', String(roots.pid), '-o', 'r.dmp'], asUser);
    expect(readOnly.status).not.toBe(refused.status);
    expect(readOnly.stderr.trim().split('\n').length).toBe(1);
  });
});

describeWith([needsBuild], 'the package', () => {
  it('reads dumps where koffi is missing, and says so at the first capture', () => {
    const place = temporaryFolder();
    cpSync(join(root, 'dist'), join(place, 'dist'), { recursive: true });
    writeFileSync(join(place, 'package.json'), '{"type":"module"}');
    const script = join(place, 'try.mjs');
    writeFileSync(
      script,
      `import { Minidump, writeMinidump } from './dist/index.js';
       console.log(typeof Minidump.open);
       await writeMinidump(${process.ppid}, 'x.dmp').catch((error) => console.log(error.code));`,
    );
    const result = spawnSync(process.execPath, [script], { encoding: 'utf8', cwd: place, timeout: 60_000 });
    expect(result.stdout).toBe('function\nkoffi-missing\n');
  });

  it('has no node: module and no package behind what a browser imports', () => {
    const seen = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
        expect(specifier, file).toMatch(/^\.{1,2}\//);
        visit(join(dirname(file), specifier!));
      }
    };
    for (const entry of ['browser.js', 'format/index.js', 'reader/index.js', 'dump/index.js']) {
      visit(join(root, 'dist', entry));
    }
    expect(seen.size).toBeGreaterThan(20);
  });
});
