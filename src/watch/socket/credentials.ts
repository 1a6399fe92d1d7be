import type { Socket } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import { parseStatus } from '../../linux/stat.js';
import { libc } from '../../node/libc.js';
import { readText } from '../../targets/linux/procfs.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Who is at the other end of a socket, as the kernel wrote it down: when it connected, or when it began to listen. */
export interface PeerCredentials {
  readonly pid: number;
  /** Its effective user. */
  readonly uid: number;
}

/** @throws MinidumpError `system-call` */
export function peerCredentials(socket: Socket): PeerCredentials {
  const { fd = -1 } = (socket as unknown as { _handle?: { fd?: number } })._handle ?? {};
  // struct ucred: pid, uid, gid.
  const credentials = new Uint32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const getsockopt = libc('int getsockopt(int fd, int level, int name, void *value, void *length)');
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) {
    throw new MinidumpError('system-call', 'the kernel does not tell who is at the other end of the socket');
  }
  return { pid: credentials[0]!, uid: credentials[1]! };
}

/**
 * Whether somebody may have this process dump what it watches, and run a callback: root, and the user of this process. Where that has
 * rights beyond those of its user (capabilities), its user has not, and only root may.
 */
export function mayAsk({ uid }: PeerCredentials): boolean {
  return uid === 0 || (uid === process.geteuid!() && !hasCapabilities());
}

function hasCapabilities(): boolean {
  const permitted = parseStatus(readText('/proc/self/status') ?? '').get('CapPrm') ?? '';
  return !/^0+$/.test(permitted);
}
