import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runAsync, runSync } from '../../../src/io/index.js';
import { CacheFolder } from '../../../src/node/cache-folder.js';
import { DiskFolder } from '../../../src/node/disk-folder.js';
import { DownloadFolder } from '../../../src/node/download-folder.js';
import { FileSource } from '../../../src/node/file-source.js';
import { httpFetch } from '../../../src/node/http-fetch.js';
import { PeFile } from '../../../src/object/pe/index.js';
import {
  Downloads,
  SymbolFolder,
  SymbolServer,
  type SymbolSupplier,
  Symbols,
} from '../../../src/symbols/index.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { endServers, files, startServer } from './http-server.js';

afterAll(removeFolders);
endServers();

const PDB_ID = '3249D99D0C4049318610F4E4FB0B69361';

describeWith([needsCorpus], 'a symbol store', () => {
  const folder = join(corpusFolder() ?? '', 'symbolic', 'windows');
  const pdb = () => readFileSync(join(folder, 'crash.pdb'));
  const exe = () => readFileSync(join(folder, 'crash.exe'));

  /** As a dump has the program. */
  function crash() {
    using source = new FileSource(join(folder, 'crash.exe'));
    const { codeIdentifier, debugIdentifier, timeStamp, imageSize } = runSync(PeFile.open(source));
    expect(debugIdentifier).toBe(PDB_ID);
    const stamp = timeStamp.toString(16).toUpperCase().padStart(8, '0');
    return {
      module: {
        name: 'C:\\app\\crash.exe',
        debugFile: 'c:\\build\\crash.pdb',
        codeIdentifier,
        debugIdentifier,
      },
      pdbPath: `crash.pdb/${PDB_ID}/crash.pdb`,
      exePath: `crash.exe/${stamp}${imageSize.toString(16)}/crash.exe`,
    };
  }

  async function search(suppliers: readonly SymbolSupplier[]) {
    using symbols = new Symbols(suppliers);
    const found = await runAsync(symbols.of(crash().module, 4));
    const at = found.information && (await runAsync(found.information.functionAt(0x2a3d)));
    return { ...found, place: at && `${at.name} ${at.file?.split('\\').at(-1)}:${at.line}` };
  }

  const server = (url: string, store = temporaryFolder()) =>
    new SymbolServer(url, {
      downloads: new Downloads({
        fetch: httpFetch({ env: {} }),
        notes: new CacheFolder(join(store, 'notes')),
        limits: { retries: 0 },
      }),
      stores: [new DownloadFolder(join(store, 'downloads'))],
      layouts: ['symstore'],
    });

  it('on a server gives a PDB and its program, which are put together', async () => {
    const { pdbPath, exePath } = crash();
    const { url, requests } = await startServer(files({ [`/${pdbPath}`]: pdb(), [`/${exePath}`]: exe() }));
    const store = temporaryFolder();
    const { state, files: used, place, url: from } = await search([server(url, store)]);
    const downloads = join(store, 'downloads');
    expect(state).toBe('loaded');
    expect(used).toEqual([join(downloads, exePath), join(downloads, pdbPath)]);
    expect(from).toBe(`${url}/${pdbPath}`);
    expect(place).toBe('main main.cpp:35');
    expect(requests).toEqual(['/index2.txt', `/${pdbPath}`, `/${exePath}`]);
    // What was fetched is a store itself.
    expect((await search([new SymbolFolder(new DiskFolder(downloads))])).place).toBe('main main.cpp:35');
  });

  /** Of symbolicator: a cabinet with a .sym file in it, under the name of the PDB. */
  const cabinet = () =>
    readFileSync(join(corpusFolder()!, 'symbolicator', 'symbols', 'crash.pdb', PDB_ID, 'crash.pdb'));

  it('may pack its files: on a server, and in a folder', async () => {
    const { pdbPath } = crash();
    const packed = pdbPath.replace(/b$/, '_');
    const { url, requests } = await startServer(files({ [`/${packed}`]: cabinet() }));
    const store = temporaryFolder();
    const { place, problems, url: from } = await search([server(url, store)]);
    expect([place, problems]).toEqual(['main main.cpp:35', []]);
    expect(from).toBe(`${url}/${packed}`);
    expect(requests.slice(0, 3)).toEqual(['/index2.txt', `/${pdbPath}`, `/${packed}`]);
    // Kept as it is used.
    expect(
      readFileSync(join(store, 'downloads', pdbPath))
        .subarray(0, 9)
        .toString(),
    ).toBe('MODULE wi');

    const folders = join(corpusFolder()!, 'symbolicator', 'symbols');
    expect((await search([new SymbolFolder(new DiskFolder(folders))])).place).toBe('main main.cpp:35');
  });

  it.each([
    ['that is none', () => Buffer.from('this is no cabinet'), 'it is no cabinet'],
    ['that is cut off', () => cabinet().subarray(0, 5000), ''],
    ['that is damaged', () => cabinet().fill(0x5a, 2000, 2100), ''],
    ['of nothing but its name', () => Buffer.from('MSCF'), ''],
  ])('with a cabinet %s gives one clear line, and nothing is kept', async (_, body, why) => {
    const { pdbPath } = crash();
    const packed = pdbPath.replace(/b$/, '_');
    const { url, requests } = await startServer(files({ [`/${packed}`]: body() }));
    const store = temporaryFolder();
    const { state, problems } = await search([server(url, store)]);
    expect(state).toBe('missing');
    expect(problems).toEqual([expect.stringContaining(`${url}/${packed}: ${why}`)]);
    const all = readdirSync(join(store, 'downloads'), { recursive: true, encoding: 'utf8' });
    expect(all).toEqual([]);
    await search([server(url, store)]);
    expect(requests.filter((path) => path === `/${packed}`)).toHaveLength(1);
  });

  it('of two tiers has a file that says so', async () => {
    const { pdbPath } = crash();
    const { url, requests } = await startServer(files({ '/index2.txt': '', [`/cr/${pdbPath}`]: pdb() }));
    expect((await search([server(url)])).place).toBe('main main.cpp:35');
    expect(requests.slice(0, 2)).toEqual(['/index2.txt', `/cr/${pdbPath}`]);
  });

  it('may say where a file is: to a URL one goes, to a path of this machine never', async () => {
    const { pdbPath } = crash();
    const pointer = `/${dirname(pdbPath)}/file.ptr`;
    const elsewhere = await startServer(files({ '/there/crash.pdb': pdb() }));
    const good = await startServer(files({ [pointer]: `PATH:${elsewhere.url}/there/crash.pdb\r\n` }));
    expect((await search([server(good.url)])).place).toBe('main main.cpp:35');
    const message = await startServer(files({ [pointer]: 'MSG: ask the build team' }));
    expect((await search([server(message.url)])).problems).toEqual([
      `${message.url}${pointer}: the store says: ask the build team`,
    ]);
    for (const place of [join(folder, 'crash.pdb'), '\\\\evil\\share\\crash.pdb', 'file:///etc/passwd']) {
      const { url } = await startServer(files({ [pointer]: `PATH:${place}` }));
      const { state, problems } = await search([server(url)]);
      expect(state).toBe('missing');
      expect(problems).toEqual([`${url}${pointer}: it points to ${place}, which is not followed`]);
    }
  });

  it('that has another PDB under that key gives one clear line, and nothing is kept', async () => {
    const { pdbPath } = crash();
    const other = readFileSync(join(folder, 'CrashWithException.pdb'));
    const { url } = await startServer(files({ [`/${pdbPath}`]: other }));
    const store = temporaryFolder();
    const { state, problems } = await search([server(url, store)]);
    expect(state).toBe('missing');
    expect(problems).toEqual([expect.stringContaining(`${url}/${pdbPath}: it is of another build, `)]);
    const all = readdirSync(join(store, 'downloads'), { recursive: true, encoding: 'utf8' });
    expect(all.filter((name) => statSync(join(store, 'downloads', name)).isFile())).toEqual([]);
  });

  it('in a folder is found whatever letters are large, in two tiers, and by a file.ptr in it', async () => {
    const { pdbPath, exePath } = crash();
    const put = (root: string, path: string, body: Uint8Array | string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), body);
      return root;
    };
    const small = put(temporaryFolder(), pdbPath.toLowerCase(), pdb());
    const tiers = put(put(temporaryFolder(), 'index2.txt', ''), `cr/${pdbPath}`, pdb());
    const pointed = put(
      put(temporaryFolder(), `${dirname(pdbPath)}/file.ptr`, 'PATH:builds\\7\\crash.pdb'),
      'builds/7/crash.pdb',
      pdb(),
    );
    for (const root of [small, tiers, pointed]) {
      put(root, exePath, exe());
      const { place, files: used } = await search([new SymbolFolder(new DiskFolder(root))]);
      expect([place, used.length]).toEqual(['main main.cpp:35', 2]);
    }
    const out = put(temporaryFolder(), `${dirname(pdbPath)}/file.ptr`, `PATH:${folder}/crash.pdb`);
    expect((await search([new SymbolFolder(new DiskFolder(out))])).problems).toEqual([
      expect.stringContaining('which is not in'),
    ]);
  });

  it('is not needed where files lie under their names: program and PDB, Mach-O file and dSYM', () => {
    const root = temporaryFolder();
    const macos = join(corpusFolder()!, 'symbolic', 'macos');
    cpSync(macos, root, { recursive: true });
    using symbols = new Symbols([new SymbolFolder(new DiskFolder(root))]);
    const [, id = ''] = /^MODULE mac \S+ (\S+)/.exec(readFileSync(join(macos, 'crash.sym'), 'utf8')) ?? [];
    const module = {
      name: '/Users/me/crash',
      debugFile: 'crash',
      debugIdentifier: id,
      codeIdentifier: id.slice(0, 32).toLowerCase(),
    };
    const { files: used } = runSync(symbols.of(module, 8));
    expect(used).toEqual([
      join(root, 'crash'),
      join(root, 'crash.dSYM', 'Contents', 'Resources', 'DWARF', 'crash'),
    ]);
  });
});

describeWith([needsCorpus], 'a symbol store of .NET, with Mach-O files', () => {
  it('gives a program and its dSYM by their UUID: from a server, and from what was kept of it', async () => {
    const macos = join(corpusFolder()!, 'symbolic', 'macos');
    const uuid = '67e9247c814e392ba027dbde6748fcbf';
    const module = {
      ...{ name: '/Applications/Crash', debugFile: 'Crash', codeIdentifier: uuid },
      debugIdentifier: `${uuid.toUpperCase()}0`,
    };
    const [debugPath, programPath] = [
      `_.dwarf/mach-uuid-sym-${uuid}/_.dwarf`,
      `crash/mach-uuid-${uuid}/crash`,
    ];
    const { url, requests } = await startServer(
      files({
        [`/${debugPath}`]: readFileSync(join(macos, 'crash.dSYM/Contents/Resources/DWARF/crash')),
        [`/${programPath}`]: readFileSync(join(macos, 'crash')),
      }),
    );
    const downloads = join(temporaryFolder(), 'downloads');
    const server = new SymbolServer(url, {
      downloads: new Downloads({ fetch: httpFetch({ env: {} }), limits: { retries: 0 } }),
      stores: [new DownloadFolder(downloads)],
      layouts: ['symstore'],
    });
    for (const supplier of [server, new SymbolFolder(new DiskFolder(downloads))]) {
      using symbols = new Symbols([supplier]);
      const found = await runAsync(symbols.of(module, 8));
      expect([...found.files].sort()).toEqual(
        [debugPath, programPath].map((path) => join(downloads, path)).sort(),
      );
      expect(found.problems).toEqual([]);
      const at = await runAsync(found.information!.functionAt(0x1000));
      expect(at).toMatchObject({
        name: expect.stringContaining('google_breakpad'),
        line: expect.any(Number),
      });
      expect(await runAsync(found.information!.cfiAt(0x1000))).toBeDefined();
    }
    expect(requests.sort()).toEqual([`/${debugPath}`, `/${programPath}`].sort());
  });
});
