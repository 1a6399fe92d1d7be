/** Chromium without a window, on a page of a server that answers on the loopback interface only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from './tools.js';

interface Deferred {
  promise: Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

function deferred(): Deferred {
  const made = {} as Deferred;
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** What the server has under a path; undefined is answered with 404. */
export type Serve = (path: string) => { type: string; body: string | Uint8Array } | undefined;

/**
 * Opens `/` in Chromium, and gives what the page sends to `/answers`. Fails with what it sends to `/failure`, with what Chromium
 * said where it ends by itself, or after the time limit. Nothing of the browser is left behind.
 */
export async function runPage(serve: Serve, timeoutMs: number): Promise<unknown> {
  const told = deferred();
  const server = createServer((request, response) => {
    answer(request, response, serve, told).catch((error) => response.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const profile = mkdtempSync(join(tmpdir(), 'mdmp-test-browser-'));
  const browser = startBrowser(profile, `http://127.0.0.1:${port}/`);
  let said = '';
  browser.stderr?.on('data', (chunk) => {
    said = (said + chunk).slice(-4000);
  });
  browser.on('error', told.reject);
  browser.on('exit', (code, signal) =>
    told.reject(new Error(`Chromium ended with ${code ?? signal}: ${said}`)),
  );
  const timer = setTimeout(
    () => told.reject(new Error(`the page did not answer within ${timeoutMs} ms; Chromium said: ${said}`)),
    timeoutMs,
  );
  try {
    return await told.promise;
  } finally {
    clearTimeout(timer);
    await endBrowser(browser);
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  serve: Serve,
  told: Deferred,
): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  if (request.method === 'POST') {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const text = Buffer.concat(pieces).toString('utf8');
    response.end();
    if (path === '/answers') told.resolve(JSON.parse(text));
    else told.reject(new Error(`in the page: ${text}`));
    return;
  }
  const found = serve(path);
  if (found === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': found.type }).end(found.body);
}

function startBrowser(profile: string, url: string): ChildProcess {
  const options = [
    '--headless',
    // As root, as in containers, it cannot have a sandbox; it opens only the page of the test.
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--no-first-run',
    '--no-proxy-server',
    `--user-data-dir=${profile}`,
  ];
  // It starts processes of its own: a group of its own ends with all of them.
  return spawn(requireTool('chromium'), [...options, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  });
}

async function endBrowser(browser: ChildProcess): Promise<void> {
  const { pid } = browser;
  if (pid === undefined) return;
  const ended = browser.exitCode === null && browser.signalCode === null ? once(browser, 'exit') : undefined;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {}
  await ended;
}
