// Every process that the benchmark starts, so that none outlives it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const groups = new Set();
const cleanups = new Set();

process.on('exit', () => {
  for (const pid of groups) end(pid);
  for (const clean of cleanups) clean();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** Ends a process of ours with all that it started. */
export function end(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {} // It is gone.
}

/** `clean`, synchronous, is called when the benchmark ends, however it ends; the function that this gives forgets it. */
export function atExit(clean) {
  cleanups.add(clean);
  return () => cleanups.delete(clean);
}

/** Starts a command in a process group of its own: `end` ends the whole of it. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { ...options, detached: true });
  if (child.pid !== undefined) groups.add(child.pid);
  child.once('exit', () => groups.delete(child.pid));
  return child;
}

/**
 * Runs a command to its end: its exit status, what it printed, and whether it was ended after `limitMs`. One that cannot be started has status 127.
 */
export function run(command, args, { limitMs = 180_000, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = start(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
    });
    let printed = '';
    const keep = (text) => {
      printed += text;
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      end(child.pid);
    }, limitMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ status: 127, timedOut, printed: error.message });
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? 128, timedOut, printed });
    });
  });
}

/** The path of a program of $PATH. */
export function which(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
