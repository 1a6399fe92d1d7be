import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { type Fetch, type FetchAnswer, MinidumpError } from '../io/index.js';
import { proxyFor } from './proxy.js';

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface HttpFetchOptions {
  /** For the proxies that it names; that of the process if it is not given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly userAgent?: string;
  /** Certificates (PEM) to trust in place of those that Node has. */
  readonly ca?: string;
}

/**
 * Fetches over HTTP and HTTPS, through the proxies that the environment names: the `fetch` of Node 20 does not know them, and follows
 * redirects from https to http.
 */
export function httpFetch({ env = process.env, userAgent = 'mdmp', ca }: HttpFetchOptions = {}): Fetch {
  const trust = ca === undefined ? {} : { ca };
  const way: Way = {
    env,
    trust,
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true, ...trust }),
  };
  return async (first, { signal }) => {
    let url = new URL(first);
    // They are for the server that they were given for, and for no other.
    const credentials = { origin: url.origin, header: basic(url) };
    for (let redirects = 0; ; redirects++) {
      const headers: OutgoingHttpHeaders = {
        'user-agent': userAgent,
        accept: '*/*',
        'accept-encoding': 'gzip, deflate, br',
        ...(url.origin === credentials.origin && credentials.header && { authorization: credentials.header }),
      };
      const answer = await request(url, headers, signal, way);
      const { statusCode = 0 } = answer;
      const { location } = answer.headers;
      if (!REDIRECTS.has(statusCode) || location === undefined) return answerOf(answer);
      answer.destroy();
      if (redirects >= MAX_REDIRECTS)
        throw refused(url, `it was redirected more than ${MAX_REDIRECTS} times`);
      if (!URL.canParse(location, url.href)) throw refused(url, 'it was redirected to what is no URL');
      const next = new URL(location, url.href);
      if (!/^https?:$/.test(next.protocol)) throw refused(url, `it was redirected to ${next.protocol}`);
      if (url.protocol === 'https:' && next.protocol === 'http:')
        throw refused(url, `it was redirected from https to ${next.origin}`);
      url = next;
    }
  };
}

interface Way {
  readonly env: NonNullable<HttpFetchOptions['env']>;
  readonly trust: { readonly ca?: string };
  readonly http: http.Agent;
  readonly https: https.Agent;
}

const refused = (url: URL, why: string): MinidumpError =>
  new MinidumpError('unsupported', `${url.origin}${url.pathname}: ${why}`);

function basic({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

async function request(
  url: URL,
  headers: OutgoingHttpHeaders,
  signal: AbortSignal,
  way: Way,
): Promise<IncomingMessage> {
  const proxy = proxyFor(url, way.env);
  const isSecure = url.protocol === 'https:';
  const target = {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port,
    path: `${url.pathname}${url.search}`,
    headers,
    signal,
  };
  if (proxy === undefined)
    return await sent(
      (isSecure ? https : http).request({ ...target, agent: way[isSecure ? 'https' : 'http'] }),
    );
  const toProxy = {
    protocol: proxy.protocol,
    hostname: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: proxy.port,
    signal,
    ...way.trust,
  };
  const client = proxy.protocol === 'https:' ? https : http;
  const authorization = basic(proxy);
  const proxyHeaders = authorization === undefined ? {} : { 'proxy-authorization': authorization };
  if (!isSecure) {
    const plain = new URL(url);
    plain.username = '';
    plain.password = '';
    plain.hash = '';
    const all = { ...headers, ...proxyHeaders, host: url.host };
    return await sent(client.request({ ...toProxy, path: plain.href, headers: all, agent: false }));
  }
  const authority = `${url.hostname}:${url.port || 443}`;
  const tunnel = client.request({
    ...toProxy,
    method: 'CONNECT',
    path: authority,
    headers: { ...proxyHeaders, host: authority },
    agent: false,
  });
  const socket = await connected(tunnel, proxy);
  // A name that is an address may not be sent.
  const secure = tls.connect({
    socket,
    ...way.trust,
    ...(isIP(target.hostname) === 0 && { servername: target.hostname }),
  });
  // With an agent, even none (`false`), the connection that is given would not be used.
  return await sent(https.request({ ...target, createConnection: () => secure }));
}

function sent(message: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Errors that come later are told by the answer, too.
    message.once('response', resolve).on('error', reject).end();
  });
}

/** The tunnel that a proxy opened. */
function connected(message: http.ClientRequest, proxy: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = ({ statusCode }: IncomingMessage) => {
      message.destroy();
      reject(new Error(`the proxy ${proxy.host} answered ${statusCode}`));
    };
    message
      .once('connect', (answer: IncomingMessage, socket: Socket) => {
        if (answer.statusCode === 200) resolve(socket);
        else {
          socket.destroy();
          fail(answer);
        }
      })
      .once('response', fail)
      .on('error', reject)
      .end();
  });
}

/** Unpacked; a length that is said then is not that of the body. */
function answerOf(message: IncomingMessage): FetchAnswer {
  const { headers, statusCode = 0 } = message;
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  const unpack =
    encoding === undefined || encoding === '' || encoding === 'identity' ? undefined : DECODERS[encoding];
  let body: Readable = message;
  if (unpack !== undefined) {
    const unpacked = unpack();
    message.once('error', (error) => unpacked.destroy(error));
    unpacked.once('close', () => message.destroy());
    body = message.pipe(unpacked);
  }
  return {
    status: statusCode,
    headers: {
      get(name) {
        const value = headers[name.toLowerCase()];
        return (Array.isArray(value) ? value.join(', ') : value) ?? null;
      },
    },
    body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
  };
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
