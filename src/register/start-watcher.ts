import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StartedWatcher {
  /** Undefined where it could not be started; `socket` tells of that by its end. */
  readonly pid: number | undefined;
  readonly socket: Socket;
  /** Of the socket where other processes find it, in a folder of its own. */
  readonly path: string;
}

/** What the watcher has of the environment: what a hook and a callback module need. Node's own variables would change how it runs. */
const KEPT = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|MDMP_.*)$/;
/** A path of a Unix socket has 107 bytes at most. */
const LONGEST_FOLDER = 70;

/** Starts a watcher: in a session of its own, with nothing of this process but one end of a pair of sockets, its descriptor 3. */
export function startWatcher(failed: (error: Error) => void): StartedWatcher {
  const path = join(folderForSockets(), `mdmp-${process.pid}-${randomWord()}`, 'watcher');
  const file = fileURLToPath(new URL('./watcher/main.js', import.meta.url));
  const child = spawn(process.execPath, [file, path], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    cwd: '/',
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name))),
  });
  child.on('error', failed);
  child.unref();
  return { pid: child.pid, socket: child.stdio[3] as Socket, path };
}

function folderForSockets(): string {
  const folder = tmpdir();
  return Buffer.byteLength(folder) > LONGEST_FOLDER ? '/tmp' : folder;
}

/** Not to be guessed by chance only: the folder is made by the watcher, or it is an error. */
function randomWord(): string {
  return Math.floor(Math.random() * 2 ** 40).toString(36);
}
