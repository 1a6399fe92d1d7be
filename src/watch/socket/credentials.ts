import type { Socket } from 'node:net';
import { MinidumpError } from '../../io/index.js';
import { parseStatus } from '../../linux/stat.js';
import { type PeerCredentials, peerCredentials } from '../../node/peer-credentials.js';
import { readText } from '../../targets/linux/procfs.js';

/** @throws MinidumpError `system-call` where the kernel does not tell who is there */
export function knownPeer(socket: Socket): PeerCredentials {
  const peer = peerCredentials(socket);
  if (peer !== undefined) return peer;
  throw new MinidumpError('system-call', 'the kernel does not tell who is at the other end of the socket');
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
