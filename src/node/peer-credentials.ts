import type { Socket } from 'node:net';
import { libc } from './libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Who is at the other end of a Unix socket, as the kernel wrote it down: when it connected, or when it began to listen. */
export interface PeerCredentials {
  /** 0: a process of another namespace, which has no id here. */
  readonly pid: number;
  /** Its effective user. */
  readonly uid: number;
}

/** Undefined where the kernel does not tell. */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const { fd = -1 } = (socket as { _handle?: { fd?: number } })._handle ?? {};
  // struct ucred: pid, uid, gid.
  const words = new Uint32Array(3);
  const length = new Uint32Array([words.byteLength]);
  const getsockopt = libc('int getsockopt(int fd, int level, int name, void *value, void *length)');
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, words, length) !== 0) return undefined;
  return { pid: words[0]!, uid: words[1]! };
}
