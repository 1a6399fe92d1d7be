/**
 * The watcher: a process that stands beside a tree of Node processes, and dumps them (docs/register.md). Its arguments: where it shall listen.
 * Its descriptor 3 leads to the process that has started it. It ends when none is left; whatever happens to it, they run on.
 */
import { Socket } from 'node:net';
import { loadKoffi } from '../../node/libc.js';
import { closeInherited } from './inherited.js';
import { Listener } from './listener.js';
import { Peer } from './peer.js';
import { Processes } from './processes.js';

const [, , path] = process.argv;
closeInherited(process.ppid);
// A service that is told to end may crash at that; and it is no longer there when its watcher ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(signal, () => {});

const processes = new Processes();
const starter = new Socket({ fd: 3, readable: true, writable: true });
try {
  loadKoffi();
  const listener = new Listener(path!, (socket) => new Peer(socket, processes));
  processes.emptied = () => {
    listener.close();
    process.exit();
  };
  listener.problem = (text) => processes.problem(text);
  new Peer(starter, processes);
} catch (error) {
  const { message, advice } = error as { message: string; advice?: string };
  const text = `no dumps will be made: ${message}${advice === undefined ? '' : `. ${advice}`}`;
  starter.write(`${JSON.stringify({ kind: 'problem', text, final: true })}\n`);
  starter.end();
}
