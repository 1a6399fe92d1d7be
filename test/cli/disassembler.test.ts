import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus, root } from '../support/tools.js';

afterAll(removeFolders);

const dump = join(corpusFolder() ?? '', 'rust-minidump', 'linux-mini.dmp');
const PACKAGE = 'node_modules/@alexaltea/capstone-js';

function stack(build: string): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(build, 'dist/cli/main.js'), 'stack', dump],
    { encoding: 'utf8', env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' } },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describeWith([needsBuild, needsCorpus], 'the disassembler of the command', () => {
  it('is loaded by its own JavaScript where capstone.wasm is of another build, and left out where there is none', () => {
    const build = temporaryFolder();
    cpSync(join(root, 'dist/cli'), join(build, 'dist/cli'), { recursive: true });
    cpSync(join(root, 'package.json'), join(build, 'package.json'));
    cpSync(join(root, PACKAGE), join(build, PACKAGE), { recursive: true });
    const usual = stack(root);
    expect(usual).toMatch(/^Crashing instruction: .*mov dword/m);
    // An empty section of one's own: the same module, of another size.
    appendFileSync(join(build, PACKAGE, 'dist/capstone.wasm'), Uint8Array.of(0, 2, 1, 0x78));
    expect(stack(build)).toBe(usual);
    rmSync(join(build, 'node_modules'), { recursive: true });
    expect(stack(build)).not.toContain('mov dword');
  });
});
