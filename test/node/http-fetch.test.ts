import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { FetchAnswer } from '../../src/io/index.js';
import { httpFetch } from '../../src/node/http-fetch.js';
import { proxyFor } from '../../src/node/proxy.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { describeWith } from '../support/tools.js';
import { endServers, files, startServer, type TestServer } from '../symbols/servers/http-server.js';

afterAll(removeFolders);
endServers();

const { signal } = new AbortController();

async function textOf({ body }: FetchAnswer): Promise<string> {
  return await new Response(body).text();
}

const redirectTo =
  (location: string, status = 302) =>
  (_: IncomingMessage, response: ServerResponse) =>
    response.writeHead(status, { location }).end();

describe('fetching over HTTP', () => {
  const fetch = httpFetch({ env: {} });

  it('gives status, headers and body', async () => {
    const { url } = await startServer(files({ '/a': 'hello' }));
    const answer = await fetch(`${url}/a`, { signal });
    expect([answer.status, answer.headers.get('Content-Length'), answer.headers.get('x')]).toEqual([
      200,
      '5',
      null,
    ]);
    expect(await textOf(answer)).toBe('hello');
    expect((await fetch(`${url}/b`, { signal })).status).toBe(404);
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('unpacks %s', async (encoding, pack) => {
    const { url } = await startServer((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(pack('hello'.repeat(1000)));
    });
    expect(await textOf(await fetch(url, { signal }))).toBe('hello'.repeat(1000));
  });

  it.each([301, 302, 303, 307, 308])('follows a redirect of %d, relative or not', async (status) => {
    const other = await startServer(files({ '/there': 'found' }));
    const { url } = await startServer((request, response) => {
      const to = request.url === '/first' ? '/second' : `${other.url}/there`;
      redirectTo(to, status)(request, response);
    });
    expect(await textOf(await fetch(`${url}/first`, { signal }))).toBe('found');
  });

  it('ends with a loop of redirects', async () => {
    const server = await startServer((request, response) =>
      redirectTo(request.url === '/a' ? '/b' : '/a')(request, response),
    );
    await expect(fetch(`${server.url}/a`, { signal })).rejects.toThrow(
      'it was redirected more than 10 times',
    );
    expect(server.requests).toHaveLength(11);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'http://'])(
    'follows no redirect to %s',
    async (location) => {
      const { url } = await startServer(redirectTo(location));
      await expect(fetch(url, { signal })).rejects.toThrow('it was redirected to');
    },
  );

  it('gives a password to the server that it is for, and to no other', async () => {
    const seen: (string | undefined)[] = [];
    const other = await startServer(({ headers }, response) => {
      seen.push(headers.authorization);
      response.end('x');
    });
    const { url } = await startServer((request, response) => {
      seen.push(request.headers.authorization);
      redirectTo(request.url === '/a' ? '/b' : `${other.url}/`)(request, response);
    });
    await fetch(`${url.replace('//', '//user:p%40ss@')}/a`, { signal });
    const basic = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(seen).toEqual([basic, basic, undefined]);
  });

  it('is ended by its signal, before and in the middle of a body', async () => {
    const { url } = await startServer(({ url: path }, response) => {
      if (path === '/body') response.writeHead(200).write('some');
    });
    const before = new AbortController();
    const hanging = fetch(`${url}/`, { signal: before.signal });
    setTimeout(() => before.abort(), 50);
    await expect(hanging).rejects.toThrow();
    const middle = new AbortController();
    const answer = await fetch(`${url}/body`, { signal: middle.signal });
    setTimeout(() => middle.abort(), 50);
    await expect(textOf(answer)).rejects.toThrow();
  });

  it('fails where a body ends too early', async () => {
    const { url } = await startServer((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('some', () => response.destroy());
    });
    await expect(textOf(await fetch(url, { signal }))).rejects.toThrow();
  });
});

/** A proxy as they are: whole URLs, and CONNECT. */
async function startProxy(status = 200): Promise<TestServer & { tunnels: string[] }> {
  const tunnels: string[] = [];
  const proxy = await startServer(({ url, headers }, response) => {
    httpRequest(url!, { headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    }).end();
  });
  proxy.server.on('connect', ({ url }, socket) => {
    tunnels.push(url!);
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} no\r\n\r\n`);
    const upstream = connect(Number(url!.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  return { ...proxy, tunnels };
}

describe('through a proxy', () => {
  it('a plain URL is asked of it as a whole', async () => {
    const { url, requests } = await startServer(files({ '/a': 'hello' }));
    const proxy = await startProxy();
    const fetch = httpFetch({ env: { http_proxy: proxy.url } });
    expect(await textOf(await fetch(`${url}/a`, { signal }))).toBe('hello');
    expect(proxy.requests).toEqual([`${url}/a`]);
    expect(requests).toEqual(['/a']);
    const direct = httpFetch({ env: { http_proxy: proxy.url, no_proxy: '127.0.0.1' } });
    await direct(`${url}/a`, { signal });
    expect(proxy.requests).toHaveLength(1);
  });

  it.each([
    ['https://a.example', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['https://a.example', { https_proxy: 'p:1' }, 'http://p:1/'],
    ['https://a.example', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['http://a.example', { ALL_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['http://a.example', { http_proxy: 'http://p:1', NO_PROXY: 'example' }, undefined],
    ['http://a.example', { http_proxy: 'http://p:1', NO_PROXY: '.example, b' }, undefined],
    ['http://a.example', { http_proxy: 'http://p:1', NO_PROXY: '*.example' }, undefined],
    ['http://aexample', { http_proxy: 'http://p:1', NO_PROXY: 'example' }, 'http://p:1/'],
    ['http://a.example:81', { http_proxy: 'http://p:1', NO_PROXY: 'a.example:80' }, 'http://p:1/'],
    ['http://a.example:81', { http_proxy: 'http://p:1', NO_PROXY: 'a.example:81' }, undefined],
    ['http://[::1]:81', { http_proxy: 'http://p:1', NO_PROXY: '::1' }, undefined],
    ['http://[::1]:81', { http_proxy: 'http://p:1', NO_PROXY: '[::1]' }, undefined],
    ['http://a.example', { http_proxy: 'http://p:1', NO_PROXY: '*' }, undefined],
    ['http://a.example', {}, undefined],
  ])('%s with %j is by %s', (url, env, expected) => {
    expect(proxyFor(new URL(url), env)?.href).toBe(expected);
  });

  it('of another kind is refused, without its password', () => {
    const find = () => proxyFor(new URL('http://a'), { all_proxy: 'socks5://me:secret@p' });
    expect(find).toThrow("the proxy 'socks5://p' is not one of http or https");
  });
});

const openssl = {
  missing: spawnSync('openssl', ['version']).status === 0 ? undefined : 'openssl',
};

describeWith([openssl], 'fetching over HTTPS', () => {
  function certificate(): { key: string; cert: string } {
    const folder = temporaryFolder();
    const { status, stderr } = spawnSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-keyout', 'key', '-out', 'cert', '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost'],
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    return {
      key: readFileSync(join(folder, 'key'), 'utf8'),
      cert: readFileSync(join(folder, 'cert'), 'utf8'),
    };
  }
  const pair = certificate();

  it('wants a certificate that is trusted', async () => {
    const { url } = await startServer(files({ '/a': 'secret' }), pair);
    await expect(httpFetch({ env: {} })(`${url}/a`, { signal })).rejects.toThrow('self-signed certificate');
    const trusting = httpFetch({ env: {}, ca: pair.cert });
    expect(await textOf(await trusting(`${url}/a`, { signal }))).toBe('secret');
  });

  it('follows no redirect to what is not encrypted', async () => {
    const plain = await startServer(files({ '/': 'plain' }));
    const { url } = await startServer(redirectTo(plain.url), pair);
    const fetch = httpFetch({ env: {}, ca: pair.cert });
    await expect(fetch(url, { signal })).rejects.toThrow('it was redirected from https to http://');
    expect(plain.requests).toEqual([]);
  });

  it('goes through the tunnel of a proxy, which sees a name only', async () => {
    const { url } = await startServer(files({ '/a': 'secret' }), pair);
    const proxy = await startProxy();
    const fetch = httpFetch({ env: { HTTPS_PROXY: proxy.url }, ca: pair.cert });
    expect(await textOf(await fetch(`${url}/a`, { signal }))).toBe('secret');
    expect(proxy.tunnels).toEqual([new URL(url).host]);
    expect(proxy.requests).toEqual([]);
    const untrusting = httpFetch({ env: { HTTPS_PROXY: proxy.url } });
    await expect(untrusting(`${url}/a`, { signal })).rejects.toThrow('self-signed certificate');
  });

  it('fails where the proxy refuses', async () => {
    const { url } = await startServer(files({}), pair);
    const proxy = await startProxy(407);
    const fetch = httpFetch({ env: { HTTPS_PROXY: proxy.url }, ca: pair.cert });
    await expect(fetch(url, { signal })).rejects.toThrow('answered 407');
    const hanging = await startServer(() => {});
    hanging.server.on('connect', () => {});
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const through = httpFetch({ env: { HTTPS_PROXY: hanging.url }, ca: pair.cert });
    await expect(through(url, { signal: controller.signal })).rejects.toThrow();
  });
});

it('a server that ends what it does is no failure of the process', async () => {
  const { url, server } = await startServer((_, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('12345');
  });
  const answer = await httpFetch({ env: {} })(url, { signal });
  await answer.body?.cancel();
  server.closeAllConnections();
  await once(server.close(), 'close');
});
