import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, requireTool, root } from '../support/tools.js';

const folder = join(root, 'examples', 'systemd');
const text = (name: string) => readFileSync(join(folder, name), 'utf8');

afterAll(removeFolders);

async function verify(unit: string) {
  // Its programs are not on this machine.
  const there = unit
    .replaceAll(/\/usr\/local\/bin\/(mdmp|app)/g, '/bin/true')
    .replace('User=app', 'User=root');
  const path = join(temporaryFolder(), 'app.service');
  writeFileSync(path, there);
  const { status, stderr } = await run(requireTool('systemd-analyze'), ['verify', '--man=no', path]);
  // Other units of the machine may have faults of their own.
  const lines = stderr.toString().split('\n');
  return { status, complaints: lines.filter((line) => line.includes('app.service')) };
}

describeWith(['systemd-analyze'], 'the unit of examples/systemd', () => {
  it('is one that systemd takes', async () => {
    expect(await verify(text('app.service'))).toEqual({ status: 0, complaints: [] });
  });

  it('would be complained of, if there were reason', async () => {
    const { complaints } = await verify(text('app.service').replace('KillMode=mixed', 'KillMode=sometimes'));
    expect(complaints.join()).toMatch(/KillMode|kill mode/i);
  });

  it('lets Node and mdmp make all the system calls that they need', async () => {
    const [, groups] = /^SystemCallFilter=(.*)$/m.exec(text('app.service'))!;
    const calls = new Set<string>();
    const expand = async (group: string): Promise<void> => {
      const { stdout } = await run(requireTool('systemd-analyze'), ['syscall-filter', group]);
      for (const line of stdout.toString().split('\n').slice(1)) {
        const word = line.trim();
        if (word.startsWith('@')) await expand(word);
        else if (word !== '' && !word.startsWith('#')) calls.add(word);
      }
    };
    for (const group of groups!.split(' ')) await expand(group);
    for (const call of ['ptrace', 'process_vm_readv', 'pkey_alloc', 'linkat', 'prctl', 'wait4', 'clone3']) {
      expect(calls).toContain(call);
    }
  });
});

describe('the core handler of examples/systemd', () => {
  it('is a script that the kernel can start, and fits into core_pattern', () => {
    expect(statSync(join(folder, 'mdmp-core')).mode & 0o111).toBe(0o111);
    expect(text('mdmp-core')).toMatch(/^#!\/bin\/sh\n/);
    const [, pattern] = /^kernel\.core_pattern=(.*)$/m.exec(text('mdmp-core.conf'))!;
    expect(pattern).toBe('|/usr/local/sbin/mdmp-core %P %I');
  });

  it('what docs/systemd.md shows of the unit is in it', () => {
    const [, shown] = /```ini\n(.*?)```/s.exec(readFileSync(join(root, 'docs', 'systemd.md'), 'utf8'))!;
    const lines = new Set(text('app.service').split('\n'));
    expect(
      shown!
        .trim()
        .split('\n')
        .filter((line) => !lines.has(line)),
    ).toEqual([]);
  });
});
