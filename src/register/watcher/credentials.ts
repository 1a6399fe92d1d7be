import type { Socket } from 'node:net';
import { libc } from '../../node/libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

export interface Credentials {
  readonly pid: number;
  readonly uid: number;
}

/** Who has made the other end of a Unix socket, by the kernel's word. Undefined if that cannot be known. */
export function credentialsOf(socket: Socket): Credentials | undefined {
  const { fd = -1 } = (socket as { _handle?: { fd?: number } })._handle ?? {};
  // struct ucred: pid, uid, gid.
  const words = new Int32Array(3);
  const length = new Uint32Array([words.byteLength]);
  const getsockopt = libc('int getsockopt(int fd, int level, int name, void *value, void *length)');
  if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, words, length) !== 0) return undefined;
  const [pid = 0, uid = -1] = words;
  // 0: a process of another namespace, which has no name here.
  return pid > 0 ? { pid, uid } : undefined;
}
