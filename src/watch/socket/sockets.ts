import { existsSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { isSocketOf, socketIn, socketsIn } from './place.js';

/** Whether somebody listens at a socket. */
export function answers(file: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(file);
    const end = (is: boolean) => {
      socket.destroy();
      done(is);
    };
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => end(!isRefusal(error)));
  });
}

/** Nobody listens there. Whatever else goes wrong (EAGAIN: many wait already) tells of somebody who does. */
export function isRefusal({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

/** Removes the sockets of this user's watchers that were killed. */
export async function removeDeadSockets(folder: string): Promise<void> {
  for (const pid of socketsIn(folder)) {
    const file = socketIn(folder, pid);
    // A process that starts just now has its socket a moment before it listens; one of another container has no entry here, but listens.
    if (existsSync(`/proc/${pid}`) || !isSocketOf(file, process.geteuid!()) || (await answers(file)))
      continue;
    try {
      unlinkSync(file);
    } catch {
      // Another watcher was faster.
    }
  }
}
