import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { analyzeTask, crashSignature, reportText, rustMinidumpReport } from '../../src/analysis/index.js';
import { loadDisassembler } from '../../src/cli/disassembler.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { runPage } from '../support/browser.js';
import { bundle } from '../support/bundle.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus, root } from '../support/tools.js';
import type { Answers, Case } from './page.js';

afterAll(removeFolders);

/** What package.json gives to browsers. */
const exports = [
  'mdmp',
  ...['format', 'reader', 'dump', 'analysis', 'symbols'].map((name) => `mdmp/${name}`),
];

describeWith([needsBuild], 'bundles for browsers', () => {
  it.each(exports)('%s: nothing of Node is in it', async (name) => {
    const code = await bundle(`export * from '${name}';`, 'browser');
    expect(code.length).toBeGreaterThan(10_000);
  });

  it('what only Node has is refused', async () => {
    await expect(bundle(`export * from '${join(root, 'dist/index.js')}';`, 'browser')).rejects.toThrow(
      /which no browser has/,
    );
  });
});

const corpus = (path: string) => join(corpusFolder() ?? '', path);
const linux = 'rust-minidump/linux-mini.dmp';
const ofLinux = (name: string, ...files: string[]): Case => ({
  name,
  dump: linux,
  folder: {},
  files: files.map((file) => `symbolic/linux/${file}`),
});
const cases: Case[] = [
  {
    name: 'a Windows dump with .sym files',
    dump: 'rust-minidump/test.dmp',
    folder: filesOf('rust-minidump/symbols'),
    files: [],
  },
  ofLinux('a Linux dump without symbols'),
  ofLinux('with a .sym file', 'crash.sym'),
  ofLinux('with ELF files', 'crash', 'crash.debug'),
  ofLinux('with sections in zlib', 'crash', 'crash.debug-zlib'),
  ofLinux('with sections in zstd', 'crash', 'crash.debug-zstd'),
];

function filesOf(folder: string): Record<string, string> {
  if (!corpusFolder()) return {};
  const names = readdirSync(corpus(folder), { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    names.filter((name) => name.endsWith('.sym')).map((name) => [name, `${folder}/${name}`]),
  );
}

/** The same in Node, with what the command uses. */
async function answersInNode({ dump, folder, files }: Case): Promise<Answers> {
  const paths = [...(Object.keys(folder).length > 0 ? ['rust-minidump/symbols'] : []), ...files];
  using source = new FileSource(corpus(dump));
  using symbols = openSymbols({ paths: paths.map(corpus), cache: temporaryFolder(), local: false });
  const disassembler = await loadDisassembler();
  const analysis = runSync(analyzeTask(Minidump.openSync(source), { symbols, disassembler }));
  const report = runSync(rustMinidumpReport(analysis));
  return {
    json: JSON.stringify(report),
    text: runSync(reportText(analysis)),
    signature: crashSignature(report as Parameters<typeof crashSignature>[0]).signature,
  };
}

describeWith([needsBuild, needsCorpus, 'chromium'], 'in Chromium', () => {
  it('reader, symbols, analysis and Capstone give what they give in Node, byte for byte', async () => {
    const script = await bundle(`import ${JSON.stringify(join(root, 'test/browser/page.ts'))};`, 'browser');
    const capstone = join(root, 'node_modules/@alexaltea/capstone-js/dist');
    const html =
      '<!doctype html><meta charset="utf-8"><script src="/capstone.js"></script><script src="/page.js"></script>';
    const wanted = new Set(
      cases.flatMap(({ dump, folder, files }) => [dump, ...Object.values(folder), ...files]),
    );
    const { answers, browser } = (await runPage((path) => {
      if (path === '/') return { type: 'text/html', body: html };
      if (path === '/page.js') return { type: 'text/javascript', body: script };
      if (path === '/capstone.js')
        return { type: 'text/javascript', body: readFileSync(join(capstone, 'capstone.js')) };
      if (path === '/capstone.wasm')
        return { type: 'application/wasm', body: readFileSync(join(capstone, 'capstone.wasm')) };
      if (path === '/cases') return { type: 'application/json', body: JSON.stringify(cases) };
      const file = path.slice(1);
      if (!wanted.has(file)) return undefined;
      return { type: 'application/octet-stream', body: readFileSync(corpus(file)) };
    }, 120_000)) as { answers: Record<string, Answers>; browser: string };
    expect(browser).toContain('Chrome');
    expect(Object.keys(answers)).toEqual(cases.map(({ name }) => name));
    for (const one of cases) {
      const inNode = await answersInNode(one);
      const here = answers[one.name]!;
      expect(here.json, one.name).toBe(inNode.json);
      expect(here.text, one.name).toBe(inNode.text);
      expect(here.signature, one.name).toBe(inNode.signature);
    }
    // That both say the same of nothing would be no wonder.
    const { 'a Windows dump with .sym files': windows, 'a Linux dump without symbols': bare } = answers;
    expect(windows!.json).toContain('"function":"`anonymous namespace\'::CrashFunction"');
    expect(bare!.json).not.toContain('"function":"main"');
    expect(bare!.json).toContain('"instruction":"mov dword [0x45], 0x5"');
    for (const { name } of cases.slice(2)) expect(answers[name]!.json, name).toContain('"function":"main"');
  }, 300_000);
});
