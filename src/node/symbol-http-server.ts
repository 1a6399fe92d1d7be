import { createReadStream } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { sep } from 'node:path';
import { HIDDEN } from './hidden-name.js';

export interface SymbolHttpServerOptions {
  /** Is told of each request that was answered. */
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Serves the files of a folder of symbols, to be read only: as they lie there, by debuginfod's paths from `.build-id`, and by the keys of
 * symbol stores in small letters or capitals. Nothing outside of the folder: neither by `..` nor through a link.
 */
export function symbolHttpServer(folder: string, { log }: SymbolHttpServerOptions = {}): Server {
  return createServer((request, response) => {
    answer(folder, request, response)
      .catch(() => end(response, 500))
      .finally(() => log?.(`${request.method} ${request.url} ${response.statusCode}`));
  });
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '', headers } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return end(response, 405);
  }
  const parts = partsOf(url);
  if (parts === undefined) return end(response, 400);
  await using file = await firstOf(folder, candidates(parts));
  if (file === undefined) return end(response, 404);
  const { size, mtime } = await file.stat();
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('last-modified', mtime.toUTCString());
  response.setHeader('x-content-type-options', 'nosniff');
  const range = rangeOf(headers.range, size);
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`);
    return end(response, 416);
  }
  const { start, end: last } = range ?? { start: 0, end: size - 1 };
  response.statusCode = range === undefined ? 200 : 206;
  if (range !== undefined) response.setHeader('content-range', `bytes ${start}-${last}/${size}`);
  response.setHeader('content-length', last - start + 1);
  if (method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  await sendRange(file, start, last, response);
}

/** The names that the path of a URL goes through; undefined for one that no file of a store has. */
function partsOf(url: string): string[] | undefined {
  let parts: string[];
  try {
    parts = url
      .replace(/[?#].*$/s, '')
      .split('/')
      .slice(1)
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const isPlain = (part: string) =>
    part !== '' && part !== '.' && part !== '..' && !/[/\\\0]/.test(part) && !part.startsWith(HIDDEN);
  return parts.length > 0 && parts.length <= 8 && parts.every(isPlain) ? parts : undefined;
}

/** Where what is asked for may lie in the folder. */
function candidates(parts: readonly string[]): readonly string[] {
  const paths = [parts.join('/')];
  const [first, id = '', what] = parts;
  if (parts.length === 3 && first === 'buildid' && /^[0-9a-f]{6,}$/i.test(id)) {
    const kept = `.build-id/${id.slice(0, 2)}/${id.slice(2)}`.toLowerCase();
    if (what === 'debuginfo') paths.push(`${kept}.debug`);
    if (what === 'executable') paths.push(kept);
  }
  // In `NAME/KEY/FILE`, and in two tiers, capitals and small letters are the same to the tools of Windows.
  const key = parts.at(-2);
  if (parts.length >= 3 && key !== undefined) {
    const spelled = (name: (text: string) => string, ofKey: (text: string) => string) =>
      parts.map((part, i) => (i === parts.length - 2 ? ofKey(part) : name(part))).join('/');
    const same = (text: string) => text;
    const small = (text: string) => text.toLowerCase();
    const large = (text: string) => text.toUpperCase();
    const stamp = (text: string) => large(text.slice(0, 8)) + small(text.slice(8));
    for (const name of [same, small]) {
      for (const ofKey of [same, small, large, stamp]) paths.push(spelled(name, ofKey));
    }
  }
  return [...new Set(paths)];
}

/** The first that is a file, and lies in the folder where all links are followed. */
async function firstOf(folder: string, paths: readonly string[]): Promise<FileHandle | undefined> {
  const root = await realpath(folder);
  const inside = root.endsWith(sep) ? root : root + sep;
  for (const path of paths) {
    let file: FileHandle | undefined;
    try {
      const real = await realpath(`${inside}${path}`);
      if (!real.startsWith(inside)) continue;
      file = await open(real);
      if ((await file.stat()).isFile()) return file;
    } catch {
      // There is none, or it may not be read.
    }
    await file?.close();
  }
  return undefined;
}

/** The first and the last byte of one range (RFC 9110); undefined where all is wanted, or several ranges are. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  return start > end ? 'unsatisfiable' : { start, end };
}

function sendRange(file: FileHandle, start: number, end: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const stream = createReadStream('', { fd: file, start, end, autoClose: false });
    // What was promised cannot be kept, if it is shorter by now: the connection says so.
    stream.once('error', () => response.destroy()).once('close', resolve);
    response.once('close', () => stream.destroy());
    stream.pipe(response);
  });
}

function end(response: ServerResponse, status: number): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain');
  response.end(`${status}\n`);
}
