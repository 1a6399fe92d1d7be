import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

/** A server on this machine that was asked for these paths. */
export interface TestServer {
  readonly url: string;
  readonly requests: string[];
  readonly server: Server;
  /** The most requests that were open at once. */
  readonly most: () => number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const running: Server[] = [];

/** Ends the servers of a test behind it. */
export function endServers(): void {
  afterEach(() => {
    for (const server of running.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
}

/** Starts a server on 127.0.0.1. */
export async function startServer(
  handler: Handler,
  secure?: { key: string; cert: string },
): Promise<TestServer> {
  const requests: string[] = [];
  let open = 0;
  let most = 0;
  const count: Handler = (request, response) => {
    requests.push(request.url ?? '');
    most = Math.max(most, ++open);
    response.once('close', () => open--);
    handler(request, response);
  };
  const server = secure ? createSecureServer(secure, count) : createServer(count);
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  return { url, requests, server, most: () => most };
}

/** Answers with files by their path, and with 404 to all else. */
export function files(of: Readonly<Record<string, string | Uint8Array>>): Handler {
  return ({ url }, response) => {
    const body = Object.hasOwn(of, url ?? '') ? of[url!] : undefined;
    if (body === undefined) response.writeHead(404).end('not found');
    else response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
  };
}
