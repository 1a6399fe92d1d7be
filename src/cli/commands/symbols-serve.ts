import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import { symbolHttpServer } from '../../node/symbol-http-server.js';
import { wrong } from '../arguments.js';
import { print } from '../output.js';
import { printable } from '../text.js';

export interface SymbolsServeArguments {
  host?: string;
  port?: string;
  verbose?: boolean;
}

/** What nobody but this machine reaches. */
const LOCAL = '127.0.0.1';
/** So long an answer may take to end when the server is to; milliseconds. */
const PATIENCE = 2000;

/** `mdmp symbols serve DIR`: a server of a folder of symbols, until a signal ends it. */
export async function symbolsServe(
  folder: string,
  { host = LOCAL, port = '0', verbose }: SymbolsServeArguments,
): Promise<void> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new MinidumpError('input-unreadable', `there is no folder ${folder}`);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw wrong(`--port must be a number up to 65535, not '${port}'`);
  const server = symbolHttpServer(folder, {
    log: verbose ? (line) => process.stderr.write(`${printable(line)}\n`) : undefined,
  });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  server.listen(Number(port), host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new MinidumpError('system-call', `cannot listen on ${host}: ${(cause as Error).message}`, {
      advice: 'Choose another --port or --host',
      cause,
    });
  }
  const { address, family, port: own } = server.address() as AddressInfo;
  await print(`http://${family === 'IPv6' ? `[${address}]` : address}:${own}/`);
  if (address !== LOCAL && address !== '::1') {
    process.stderr.write(`mdmp: whoever reaches ${address} can read all files in ${printable(folder)}\n`);
  }
  await ended;
  server.close();
  const force = setTimeout(() => server.closeAllConnections(), PATIENCE);
  server.closeIdleConnections();
  await once(server, 'close');
  clearTimeout(force);
}
