import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import { stateIn } from '../../targets/linux/procfs.js';
import { knownPeer } from './credentials.js';
import type { WatcherSocket } from './find-watcher.js';
import {
  decode,
  encode,
  errorFrom,
  Frame,
  frames,
  MAX_REQUEST,
  PROTOCOL,
  type Request,
  watcherLost,
} from './protocol.js';
import { isRefusal } from './sockets.js';

type Wanted = Request extends infer One
  ? One extends { protocol: number }
    ? Omit<One, 'protocol'>
    : never
  : never;

/** How often it is seen whether a watcher that says nothing was stopped, in milliseconds. */
const LOOK = 500;

export interface Listener {
  /** A piece of the dump. */
  data?(bytes: Uint8Array): void | Promise<void>;
  progress?(value: unknown): void;
  /** Gives the request up. */
  signal?: AbortSignal | undefined;
}

/**
 * Asks a watcher for something, and gives its report.
 *
 * @returns undefined where nobody listens or answers: the socket is of a watcher that was killed, or that has just ended
 * @throws MinidumpError `watcher-lost`, `watcher-denied`, and whatever went wrong in the watcher
 */
export async function ask(
  watcher: WatcherSocket,
  wanted: Wanted,
  listener: Listener = {},
): Promise<{ readonly report: unknown } | undefined> {
  const line = `${encode({ ...wanted, protocol: PROTOCOL })}\n`;
  if (Buffer.byteLength(line) > MAX_REQUEST) {
    throw new MinidumpError('invalid-argument', 'a watcher takes no request that is larger than 4 MiB', {
      advice: 'Give smaller user streams.',
    });
  }
  const socket = await reach(watcher);
  if (socket === undefined) return undefined;
  // Nothing else would be heard of it.
  const look = setInterval(() => {
    const state = stateIn(`/proc/${watcher.pid}/stat`);
    if (state === 'T') socket.destroy(watcherLost('is stopped: let it go on first (SIGCONT, fg)'));
  }, LOOK);
  const abort = () => socket.destroy(new MinidumpError('cancelled', 'the dump was given up'));
  listener.signal?.addEventListener('abort', abort);
  try {
    if (listener.signal?.aborted) abort();
    socket.write(line);
    return await answerOf(socket, listener);
  } finally {
    clearInterval(look);
    listener.signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** Connects, and sees to it that it is the watcher who is there. */
async function reach({ file, pid, uid }: WatcherSocket): Promise<Socket | undefined> {
  const socket = connect(file);
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (isRefusal(error as NodeJS.ErrnoException)) return undefined;
    throw watcherLost(`cannot be reached at ${file}: ${(error as Error).message}`, error);
  }
  socket.on('error', () => {
    // Whoever reads hears of it.
  });
  const peer = knownPeer(socket);
  if (peer.pid === pid && peer.uid === uid) return socket;
  socket.destroy();
  throw new MinidumpError(
    'watcher-denied',
    `process ${peer.pid} of user ${peer.uid} listens at ${file}, where process ${pid} of user ${uid} should`,
    { advice: 'Nothing was asked of it. Remove that socket.' },
  );
}

async function answerOf(
  socket: Socket,
  listener: Listener,
): Promise<{ readonly report: unknown } | undefined> {
  let isHeard = false;
  try {
    for await (const { kind, body } of frames(socket)) {
      isHeard = true;
      if (kind === Frame.Data) await listener.data?.(body);
      else if (kind === Frame.Progress) listener.progress?.(json(body));
      else if (kind === Frame.Report) return { report: json(body) };
      else if (kind === Frame.Error) throw errorFrom(json(body));
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    if (isHeard) throw watcherLost(`has gone (${code})`, error);
  }
  // Its last act may have been to close a socket at which we waited.
  if (!isHeard) return undefined;
  throw watcherLost('has gone in the middle of its answer');
}

function json(body: Uint8Array): unknown {
  try {
    return decode(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch (cause) {
    throw watcherLost('says what this mdmp does not understand', cause);
  }
}
