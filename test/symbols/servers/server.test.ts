import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryStore, runAsync, runSync } from '../../../src/io/index.js';
import { CacheFolder } from '../../../src/node/cache-folder.js';
import { DownloadFolder } from '../../../src/node/download-folder.js';
import { httpFetch } from '../../../src/node/http-fetch.js';
import {
  Downloads,
  type DownloadsOptions,
  type ServerLayout,
  SymbolServer,
  Symbols,
  type TransferLimits,
  type WantedModule,
} from '../../../src/symbols/index.js';
import { removeFolders, temporaryFolder } from '../../support/programs.js';
import { corpusFolder, describeWith, needsBuild, needsCorpus, root } from '../../support/tools.js';
import { endServers, files, startServer } from './http-server.js';

afterAll(removeFolders);
endServers();

const ID = '0123456789ABCDEF0123456789ABCDEF0';
const OTHER = 'FFFF456789ABCDEF0123456789ABCDEF0';
const PATH = `/app/${ID}/app.sym`;
const symText = (id = ID, name = 'app') =>
  `MODULE Linux x86_64 ${id} ${name}\nFILE 0 main.c\nFUNC 1000 20 0 main\n1000 20 7 0\n${'PUBLIC 2000 0 padding_of_some_length\n'.repeat(200)}`;

const moduleNamed = (name: string, debugIdentifier = ID): WantedModule => ({
  name: `/opt/${name}`,
  debugFile: name,
  debugIdentifier,
  codeIdentifier: undefined,
});
const MODULE = moduleNamed('app');

/** Quick, so that a test of what fails does not wait. */
const QUICK = { retries: 2, backoff: 5, idle: 300, total: 5000, maxSize: 1 << 20 };

interface Setup extends DownloadsOptions {
  folder?: string;
  layouts?: ServerLayout[];
  env?: Record<string, string>;
}

/** Looks for modules on a server, with all that the command would have. */
async function search(url: string, modules: readonly WantedModule[], setup: Setup = {}) {
  const { folder = temporaryFolder(), layouts, env = {}, ...options } = setup;
  const downloads = new Downloads({
    fetch: httpFetch({ env }),
    notes: new CacheFolder(join(folder, 'notes')),
    ...options,
    limits: { ...QUICK, ...options.limits },
  });
  const server = new SymbolServer(url, {
    downloads,
    stores: [new DownloadFolder(join(folder, 'downloads'))],
    layouts,
  });
  using symbols = new Symbols([server], { cache: new CacheFolder(folder) });
  await symbols.prefetch(modules, 8);
  const found = modules.map((module) => symbols.known(module, 8)!);
  const names = await Promise.all(
    found.map(async ({ information }) => (await runAsync(information?.functionAt(0x1004) ?? none()))?.name),
  );
  return { folder, found, first: found[0]!, names, failures: downloads.failures };
}

function* none() {
  return undefined;
}

/** All files below the downloads, those included that are not to be seen. */
function kept(folder: string): string[] {
  const downloads = join(folder, 'downloads');
  if (!existsSync(downloads)) return [];
  return readdirSync(downloads, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(downloads, name)).isFile(),
  );
}

describe('a server of .sym files', () => {
  it('is asked once; what it gave is kept in private files, and used without it', async () => {
    const server = await startServer(files({ [PATH]: symText() }));
    const one = await search(server.url, [MODULE]);
    expect(one.names).toEqual(['main']);
    expect(one.first).toMatchObject({ state: 'loaded', url: server.url + PATH, problems: [] });
    expect(kept(one.folder)).toEqual([PATH.slice(1)]);
    const file = join(one.folder, 'downloads', PATH);
    expect(readFileSync(file, 'utf8')).toBe(symText());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const folder of ['downloads', `downloads/app`])
      expect(statSync(join(one.folder, folder)).mode & 0o777).toBe(0o700);
    expect(server.requests).toEqual([PATH]);
    // Also where it was fetched from is known the next time.
    const two = await search(server.url, [MODULE], { folder: one.folder });
    expect(two.names).toEqual(['main']);
    expect(two.first.url).toBe(server.url + PATH);
    const offline = await search(server.url, [MODULE], { folder: one.folder, fetch: undefined });
    expect(offline.names).toEqual(['main']);
    expect(server.requests).toEqual([PATH]);
  });

  it('is not asked at all when offline', async () => {
    const server = await startServer(files({ [PATH]: symText() }));
    const { first } = await search(server.url, [MODULE], { fetch: undefined });
    expect(first).toMatchObject({ state: 'missing', problems: [] });
    expect(server.requests).toEqual([]);
  });

  it('that does not have a file is not asked for it again for a while', async () => {
    const server = await startServer(files({}));
    const { folder, first, failures } = await search(server.url, [MODULE]);
    expect(first).toMatchObject({ state: 'missing', problems: [], absentFrom: [server.url] });
    expect(failures).toEqual([]);
    expect(server.requests.filter((path) => path === PATH)).toHaveLength(1);
    await search(server.url, [MODULE], { folder });
    expect(server.requests.filter((path) => path === PATH)).toHaveLength(1);
    await search(server.url, [MODULE], { folder, notesExpiry: 0 });
    expect(server.requests.filter((path) => path === PATH)).toHaveLength(2);
  });

  it.each([
    ['500', (response: ServerResponse) => response.writeHead(500).end()],
    ['429', (response: ServerResponse) => response.writeHead(429, { 'retry-after': '0' }).end()],
    ['a connection that is closed', (response: ServerResponse) => response.destroy()],
    [
      'a body that is cut off',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': Buffer.byteLength(symText()) });
        response.write(symText().slice(0, 1000), () => response.destroy());
      },
    ],
    [
      'a chunked body that is cut off',
      (response: ServerResponse) => {
        response.writeHead(200);
        response.write(symText().slice(0, 1000), () => response.destroy());
      },
    ],
  ])('is asked again after %s', async (_, fail) => {
    let failed = 0;
    const good = files({ [PATH]: symText() });
    const server = await startServer((request, response) => {
      if (failed++ === 0) fail(response);
      else good(request, response);
    });
    const { names, folder, first, failures } = await search(server.url, [MODULE]);
    expect(names).toEqual(['main']);
    expect(first.problems).toEqual([]);
    expect(failures).toEqual([]);
    expect(server.requests).toEqual([PATH, PATH]);
    expect(kept(folder)).toEqual([PATH.slice(1)]);
    expect(readFileSync(join(folder, 'downloads', PATH), 'utf8')).toBe(symText());
  });

  it.each([
    ['fails', (response: ServerResponse) => response.writeHead(503).end(), 'the server answered 503', 3],
    ['hangs before it answers', () => {}, 'nothing came for 0.1 seconds', 3, { idle: 100 }],
    [
      'hangs in the middle of a file',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': 100_000 });
        response.write(symText());
      },
      'nothing came for 0.1 seconds',
      3,
      { idle: 100 },
    ],
    [
      'is too slow',
      (response: ServerResponse) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('PUBLIC 1000 0 f\n'), 20);
        response.once('close', () => clearInterval(timer));
      },
      'it took too long',
      1,
      { total: 200 },
    ],
    [
      'cuts a file off each time',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': 100_000 });
        response.write(symText(), () => response.destroy());
      },
      'the connection was cut',
      3,
    ],
    [
      'sends what cannot be unpacked',
      (response: ServerResponse) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end('this is not gzip'),
      'incorrect header check',
      3,
    ],
    [
      'packs half a file',
      (response: ServerResponse) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(symText()).subarray(0, 100)),
      'unexpected end of file',
      3,
    ],
    [
      'answers nonsense',
      (response: ServerResponse) => response.socket!.end('HTTP 2000 nonsense\r\n\r\n'),
      'Parse Error',
      3,
    ],
  ] as const)(
    'that %s costs one clear line, and nothing is kept',
    async (_, fail, why, tries, limits: Partial<TransferLimits> = {}) => {
      const server = await startServer((_request, response) => fail(response));
      const { folder, first, failures } = await search(server.url, [MODULE], {
        layouts: ['breakpad'],
        limits,
      });
      expect(first.state).toBe('missing');
      expect(first.problems).toHaveLength(1);
      expect(first.problems[0]).toContain(`${server.url}${PATH}: ${why}`);
      expect(failures).toEqual(first.problems);
      expect(server.requests).toHaveLength(tries);
      expect(kept(folder)).toEqual([]);
      // It may be well the next time.
      await search(server.url, [MODULE], { folder, layouts: ['breakpad'], limits });
      expect(server.requests).toHaveLength(2 * tries);
    },
  );

  it('that fails again and again is given up', async () => {
    const server = await startServer((_, response) => response.writeHead(500).end());
    const modules = Array.from({ length: 30 }, (_, i) => moduleNamed(`lib${i}`));
    const { found, failures } = await search(server.url, modules, { parallel: 1 });
    expect(server.requests).toHaveLength(6);
    expect(failures).toHaveLength(1);
    expect(found.at(-1)!.problems).toEqual([`${server.url}: it failed before, and is not asked any more`]);
  });

  it('that is not there costs one clear line', async () => {
    const { server, url } = await startServer(() => {});
    await new Promise((resolve) => server.close(resolve));
    const { first, failures } = await search(url, [MODULE]);
    expect(failures).toEqual([expect.stringContaining('ECONNREFUSED')]);
    expect(first.state).toBe('missing');
  });

  it.each([
    ['of another build', symText(OTHER), `it is of another build, ${OTHER}`],
    ['that is a page', '<html><body>Sign in, please</body></html>', 'it is no file of symbols'],
    ['that is empty', '', 'it is no file of symbols'],
    ['that is damaged', Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(100, 0xff)]), 'e_'],
  ])('that sends a file %s costs one clear line; it is not kept, nor fetched again', async (_, body, why) => {
    const server = await startServer(files({ [PATH]: body }));
    const { folder, first } = await search(server.url, [MODULE], { layouts: ['breakpad'] });
    expect(first.state).toBe('missing');
    expect(first.problems).toEqual([expect.stringContaining(`${server.url}${PATH}: `)]);
    if (why !== 'e_') expect(first.problems[0]).toContain(why);
    expect(kept(folder)).toEqual([]);
    const again = await search(server.url, [MODULE], { folder, layouts: ['breakpad'] });
    expect(again.first.problems).toEqual([expect.stringContaining('was not the file')]);
    expect(server.requests).toHaveLength(1);
  });

  it('does not have its file taken where the cache holds a wrong one', async () => {
    const server = await startServer(files({ [PATH]: symText() }));
    const { folder } = await search(server.url, [MODULE]);
    writeFileSync(join(folder, 'downloads', PATH), symText(OTHER));
    const { names } = await search(server.url, [MODULE], { folder });
    expect(names).toEqual(['main']);
    expect(readFileSync(join(folder, 'downloads', PATH), 'utf8')).toBe(symText());
  });

  it.each([
    ['says how long it is', { 'content-length': 1 << 30 }],
    ['does not', {}],
  ])('whose file is too large is not read to its end, where it %s', async (_, headers) => {
    let isClosed: Promise<unknown> | undefined;
    const server = await startServer((_request, response) => {
      response.writeHead(200, headers);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, 'PUBLIC 1000 0 f\n')));
        response.once('drain', more);
      };
      isClosed = once(response, 'close');
      more();
    });
    const { folder, first } = await search(server.url, [MODULE], { layouts: ['breakpad'] });
    expect(first.problems).toEqual([`${server.url}${PATH}: it is larger than ${QUICK.maxSize} bytes`]);
    await isClosed;
    expect(kept(folder)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  it('may pack what it sends, and a small body may not become a large one', async () => {
    const packed = await startServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(symText()));
    });
    const { names, folder } = await search(packed.url, [MODULE]);
    expect(names).toEqual(['main']);
    expect(readFileSync(join(folder, 'downloads', PATH), 'utf8')).toBe(symText());
    // Packed ahead: the server is in this process, and the time without a byte runs meanwhile.
    const bytes = gzipSync(Buffer.alloc(50 << 20));
    const bomb = await startServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes);
    });
    const { first } = await search(bomb.url, [MODULE], { layouts: ['breakpad'] });
    expect(first.problems).toEqual([`${bomb.url}${PATH}: it is larger than ${QUICK.maxSize} bytes`]);
  });

  it('is asked for several files at once, but not for too many', async () => {
    const server = await startServer((request, response) => {
      const [, name = '', id = ''] = request.url!.split('/');
      setTimeout(() => response.writeHead(200).end(symText(id, name)), 20);
    });
    const modules = Array.from({ length: 24 }, (_, i) => moduleNamed(`lib${i}`));
    const { names } = await search(server.url, modules, { parallel: 4 });
    expect(names).toEqual(modules.map(() => 'main'));
    expect(server.most()).toBe(4);
    expect(server.requests).toHaveLength(24);
  });

  it('gets no path from the names of a dump', async () => {
    const server = await startServer((request, response) => {
      response.writeHead(200).end(symText(request.url!.split('/')[2]));
    });
    const names = ['../../etc/passwd', '..', '.', '', 'a\0b', '..\\..\\boot.ini', 'a b?c#d%2e%2e%2f'];
    const { folder } = await search(
      server.url,
      names.map((debugFile) => ({ ...MODULE, debugFile, name: debugFile })),
    );
    expect(server.requests.sort()).toEqual([
      `/a%20b%3Fc%23d%252e%252e%252f/${ID}/a%20b%3Fc%23d%252e%252e%252f.sym`,
      `/boot.ini/${ID}/boot.ini.sym`,
      `/passwd/${ID}/passwd.sym`,
    ]);
    expect(kept(folder).sort()).toEqual([
      `a b?c#d%2e%2e%2f/${ID}/a b?c#d%2e%2e%2f.sym`,
      `boot.ini/${ID}/boot.ini.sym`,
      `passwd/${ID}/passwd.sym`,
    ]);
    expect(existsSync(join(folder, '..', 'etc'))).toBe(false);
  });

  it('serves a page in a browser: any fetch, and a store in memory', async () => {
    const server = await startServer(files({ [PATH]: symText() }));
    const store = new MemoryStore();
    const stores = [store] as const;
    for (const downloads of [new Downloads({ fetch }), new Downloads()]) {
      using symbols = new Symbols([new SymbolServer(server.url, { downloads, stores })]);
      expect(await runAsync(symbols.of(MODULE, 8))).toMatchObject({ state: 'loaded' });
    }
    expect(server.requests).toEqual([PATH]);
  });

  it('cannot be waited for by a synchronous call, which says so', async () => {
    const server = await startServer(files({ [PATH]: symText() }));
    const downloads = new Downloads({ fetch });
    using symbols = new Symbols([new SymbolServer(server.url, { downloads, stores: [new MemoryStore()] })]);
    expect(() => runSync(symbols.of(MODULE, 8))).toThrow(expect.objectContaining({ code: 'async-source' }));
  });

  it.each(['ftp://example.com', 'symbols', 'file:///tmp', ''])(
    'has a URL of http or https, not %j',
    (url) => {
      const make = () => new SymbolServer(url, { downloads: new Downloads(), stores: [new MemoryStore()] });
      expect(make).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    },
  );
});

describeWith([needsBuild], 'two processes', () => {
  it('that fetch the same at once both have it, and one file is kept', async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { 'content-length': Buffer.byteLength(symText()) });
      response.write(symText().slice(0, 500));
      setTimeout(() => response.end(symText().slice(500)), 200);
    });
    const folder = temporaryFolder();
    const script = join(root, 'test', 'symbols', 'servers', 'fetching.js');
    const run = async () => {
      const child = fork(script, [server.url, folder, JSON.stringify(MODULE)], { execArgv: [] });
      const [answer] = await once(child, 'message');
      await once(child, 'exit');
      return answer;
    };
    const answers = await Promise.all([run(), run(), run()]);
    expect(answers).toEqual(Array(3).fill({ state: 'loaded', name: 'main', problems: [] }));
    expect(kept(folder)).toEqual([PATH.slice(1)]);
    expect(readFileSync(join(folder, 'downloads', PATH), 'utf8')).toBe(symText());
  });
});

describeWith([needsCorpus], 'a server of debuginfod', () => {
  const BUILD_ID = 'f1c3bcc0279865fe3058404b2831d9e64135386c';
  const module: WantedModule = {
    name: '/home/user/crash',
    debugFile: 'crash',
    debugIdentifier: 'C0BCC3F19827FE653058404B2831D9E60',
    codeIdentifier: BUILD_ID,
  };
  const corpusFile = (name: string) => readFileSync(join(corpusFolder()!, 'symbolic', 'linux', name));
  const setup: Setup = { layouts: ['debuginfod'], limits: { maxSize: 1 << 30 } };

  it('gives the debug file and the program, which are put together', async () => {
    const server = await startServer(
      files({
        [`/buildid/${BUILD_ID}/debuginfo`]: corpusFile('crash.debug'),
        [`/buildid/${BUILD_ID}/executable`]: corpusFile('crash'),
      }),
    );
    const { folder, first } = await search(server.url, [module], setup);
    const at = join(folder, 'downloads', '.build-id', BUILD_ID.slice(0, 2), BUILD_ID.slice(2));
    expect(first).toMatchObject({ state: 'loaded', problems: [], files: [at, `${at}.debug`] });
    await search(server.url, [module], { ...setup, folder });
    expect(server.requests).toHaveLength(2);
  });

  it('may have one of them only', async () => {
    const server = await startServer(
      files({ [`/buildid/${BUILD_ID}/debuginfo`]: corpusFile('crash.debug') }),
    );
    const { first } = await search(server.url, [module], setup);
    expect(first).toMatchObject({ state: 'loaded', files: [expect.stringMatching(/\.debug$/)] });
  });

  it('is not named where the symbols are of another one', async () => {
    const { debugIdentifier: id = '' } = module;
    const first = await startServer(files({ [`/buildid/${BUILD_ID}/executable`]: corpusFile('crash') }));
    const second = await startServer(files({ [`/crash/${id}/crash.sym`]: symText(id, 'crash') }));
    const limits = { ...QUICK, maxSize: 1 << 30 };
    const downloads = new Downloads({ fetch: httpFetch({ env: {} }), limits });
    using symbols = new Symbols(
      [first, second].map(({ url }) => new SymbolServer(url, { downloads, stores: [new MemoryStore()] })),
    );
    const url = `${second.url}/crash/${id}/crash.sym`;
    expect(await runAsync(symbols.of(module, 8))).toMatchObject({ state: 'loaded', url });
    expect(first.requests).toContain(`/buildid/${BUILD_ID}/executable`);
  });

  it('is not asked for what a folder has', async () => {
    const server = await startServer(files({}));
    const downloads = new Downloads({ fetch: httpFetch({ env: {} }) });
    const { DiskFolder } = await import('../../../src/node/disk-folder.js');
    const { SymbolFolder } = await import('../../../src/symbols/index.js');
    using symbols = new Symbols([
      new SymbolFolder(new DiskFolder(join(corpusFolder()!, 'symbolic', 'linux'))),
      new SymbolServer(server.url, { downloads, stores: [new MemoryStore()] }),
    ]);
    expect(await runAsync(symbols.of(module, 8))).toMatchObject({ state: 'loaded' });
    expect(server.requests).toEqual([]);
  });
});
