import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { symbolHttpServer } from '../../src/node/symbol-http-server.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';

afterAll(removeFolders);

const running: Server[] = [];
afterEach(() => {
  for (const server of running.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** A folder of these files, and a client that sends paths as they are. */
async function serve(files: Record<string, string>) {
  const base = temporaryFolder();
  const folder = join(base, 'store');
  mkdirSync(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), text);
  }
  const lines: string[] = [];
  const server = symbolHttpServer(folder, { log: (line) => lines.push(line) });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (path: string, method = 'GET', headers = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const message = httpRequest({ port, host: '127.0.0.1', path, method, headers }, (answer) => {
        let body = '';
        answer.on('data', (data) => {
          body += data;
        });
        answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }));
        answer.on('error', reject);
      });
      message.on('error', reject).end();
    });
  return { base, folder, ask, lines };
}

const BUILD_ID = 'f1c3bcc0279865fe3058404b2831d9e64135386c';
const GUID = '3249D99D0C4049318610F4E4FB0B69361';

describe('a server of a folder of symbols', () => {
  it('gives files as they lie there, in the layouts of Breakpad, symbol stores and debuginfod', async () => {
    const { ask } = await serve({
      'store/app.pdb/ABC1/app.sym': 'sym',
      [`store/crash.pdb/${GUID}/crash.pdb`]: 'pdb',
      'store/crash.exe/45D35F6C2d000/crash.exe': 'exe',
      [`store/.build-id/f1/${BUILD_ID.slice(2)}.debug`]: 'debug',
      [`store/.build-id/f1/${BUILD_ID.slice(2)}`]: 'program',
      'store/a b+c/1/a b+c.sym': 'space',
    });
    const bodies = [];
    for (const path of [
      '/app.pdb/ABC1/app.sym',
      `/crash.pdb/${GUID}/crash.pdb`,
      `/CRASH.pdb/${GUID.toLowerCase()}/crash.PDB`,
      '/crash.exe/45d35f6c2d000/crash.exe',
      `/buildid/${BUILD_ID}/debuginfo`,
      `/buildid/${BUILD_ID.toUpperCase()}/executable`,
      '/a%20b+c/1/a%20b%2Bc.sym?x=1#y',
    ]) {
      const { status, body, headers } = await ask(path);
      expect(status).toBe(200);
      expect(headers['content-length']).toBe(String(body.length));
      bodies.push(body);
    }
    expect(bodies).toEqual(['sym', 'pdb', 'pdb', 'exe', 'debug', 'program', 'space']);
  });

  it('gives nothing from outside of it', async () => {
    const { base, folder, ask } = await serve({ secret: 'secret', 'store/a/in': 'inside', 'store2/x': 'x' });
    symlinkSync(join(base, 'secret'), join(folder, 'link'));
    symlinkSync(join(base, 'store2'), join(folder, 'folder'));
    symlinkSync('../../secret', join(folder, 'a', 'up'));
    symlinkSync('a/in', join(folder, 'good'));
    for (const path of [
      '/../secret',
      '/a/../../secret',
      '/%2e%2e/secret',
      '/..%2fsecret',
      '/a/..%5c..%5csecret',
      '/..\\secret',
      '//etc/passwd',
      '/link',
      '/folder/x',
      '/a/up',
      '/a%00',
      '/%ff',
      '/a',
      '/',
      '',
      '/../store2/x',
      'http://other/secret',
    ]) {
      const { status, body } = await ask(path);
      expect([path, status >= 400, body.includes('secret') || body === 'x']).toEqual([path, true, false]);
    }
    expect((await ask('/good')).body).toBe('inside');
  });

  it('gives parts of a file', async () => {
    const { ask } = await serve({ 'store/f/1/f': '0123456789', 'store/empty/1/empty': '' });
    const part = async (range: string, path = '/f/1/f') => {
      const { status, headers, body } = await ask(path, 'GET', { range });
      return [status, headers['content-range'], body];
    };
    expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await part('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await part('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await part('bytes=-30')).toEqual([206, 'bytes 0-9/10', '0123456789']);
    expect(await part('bytes=5-100')).toEqual([206, 'bytes 5-9/10', '56789']);
    expect(await part('bytes=10-')).toEqual([416, 'bytes */10', '416\n']);
    expect(await part('bytes=-0')).toEqual([416, 'bytes */10', '416\n']);
    // What is no range, and several, are answered with all of it.
    for (const other of ['bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-'])
      expect(await part(other)).toEqual([200, undefined, '0123456789']);
    expect(await part('bytes=0-', '/empty/1/empty')).toEqual([416, 'bytes */0', '416\n']);
    expect(await ask('/empty/1/empty')).toMatchObject({ status: 200, body: '' });
  });

  it('answers HEAD, and nothing that would change a file', async () => {
    const { base, ask, lines } = await serve({ 'store/f/1/f': '0123456789' });
    const { status, headers, body } = await ask('/f/1/f', 'HEAD');
    expect([status, headers['content-length'], body]).toEqual([200, '10', '']);
    for (const method of ['PUT', 'POST', 'DELETE'])
      expect(await ask('/f/1/f', method)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(readFileSync(join(base, 'store/f/1/f'), 'utf8')).toBe('0123456789');
    expect(lines).toContain('HEAD /f/1/f 200');
  });

  it('goes on when somebody leaves in the middle of a large file', async () => {
    const { ask } = await serve({ 'store/f/1/f': 'x'.repeat(8 << 20), 'store/g/1/g': 'g' });
    const { port } = running[0]!.address() as AddressInfo;
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => {
        const message = httpRequest({ port, host: '127.0.0.1', path: '/f/1/f' }, (answer) => {
          answer.once('data', () => answer.destroy());
          answer.on('error', () => {});
          answer.once('close', resolve);
        });
        message.on('error', () => {}).end();
      });
    }
    expect((await ask('/g/1/g')).body).toBe('g');
  });
});
