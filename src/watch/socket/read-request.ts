import type { Socket } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import { decode, MAX_REQUEST, type Request } from './protocol.js';
import { isObject } from './requested-dump.js';

/** How long somebody may take to say what he wants. */
const REQUEST_LIMIT = 10_000;
const LINE_FEED = 0x0a;

/** The line that a client begins with. @throws MinidumpError */
export async function readRequest(socket: Socket): Promise<Request> {
  const line = await new Promise<string>((done, failed) => {
    const pieces: Buffer[] = [];
    let size = 0;
    const end = (what: () => void) => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose).off('end', onClose).pause();
      what();
    };
    const wrong = (message: string) => end(() => failed(new MinidumpError('invalid-argument', message)));
    const onClose = () => wrong('nothing was asked for');
    const onData = (piece: Buffer) => {
      pieces.push(piece);
      size += piece.length;
      if (size > MAX_REQUEST) wrong(`more than ${MAX_REQUEST} bytes are no request`);
      else if (piece.at(-1) === LINE_FEED) end(() => done(Buffer.concat(pieces).toString('utf8')));
    };
    const timer = setTimeout(onClose, REQUEST_LIMIT);
    socket.on('data', onData).on('close', onClose).on('end', onClose);
  });
  return requestIn(line);
}

function requestIn(line: string): Request {
  const wrong = (cause?: unknown) =>
    new MinidumpError('invalid-argument', 'this is no request to a watcher', { cause });
  let value: unknown;
  try {
    value = decode(line);
  } catch (cause) {
    throw wrong(cause);
  }
  if (!isObject(value) || typeof value.protocol !== 'number' || typeof value.want !== 'string') throw wrong();
  // What this version does not know of is refused later, by its name.
  const needsPid = ['dump', 'release', 'resume'].includes(value.want);
  if (needsPid && !Number.isInteger(value.pid)) throw wrong();
  if (value.want === 'dump' && !isObject(value.options)) throw wrong();
  return value as unknown as Request;
}
