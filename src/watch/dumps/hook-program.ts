import { type ChildProcess, spawn } from 'node:child_process';

/** After SIGTERM, and once more after SIGKILL: a process in an uninterruptible call does not even hear that. */
const GRACE = 5000;

/**
 * Runs a program to its end, without a shell: in a process group of its own, `input` on its standard input, its output on our stderr.
 * When its time is over, or `signal` is aborted, it and its group get SIGTERM, and SIGKILL five seconds later.
 *
 * @param timeout milliseconds
 * @returns what went wrong, or undefined; never rejects
 */
export function runHook(
  [program, ...words]: readonly string[],
  input: string,
  timeout: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (signal.aborted) return Promise.resolve('was not started: the watcher ends');
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(program!, words, { stdio: ['pipe', 2, 2], detached: true });
    } catch (error) {
      resolve(`cannot be started: ${(error as Error).message}`);
      return;
    }
    let why: string | undefined;
    let grace: NodeJS.Timeout | undefined;
    const end = (reason: string) => {
      if (why !== undefined) return;
      why = reason;
      killGroup(child, 'SIGTERM');
      grace = setTimeout(() => {
        killGroup(child, 'SIGKILL');
        grace = setTimeout(() => finish(`${reason}, and does not end`), GRACE);
      }, GRACE);
    };
    const timer = setTimeout(() => end(`was ended after ${timeout / 1000} s`), timeout);
    const abort = () => end('was ended, as the watcher ends');
    signal.addEventListener('abort', abort);
    const finish = (problem: string | undefined) => {
      clearTimeout(timer);
      clearTimeout(grace);
      signal.removeEventListener('abort', abort);
      child.stdin?.destroy();
      child.unref();
      resolve(problem);
    };
    child.once('error', (error) => {
      if (child.pid === undefined) finish(`cannot be started: ${error.message}`);
    });
    // Not 'close': what it left running in the background may hold its descriptors for ever.
    child.once('exit', (code, name) => {
      // Of those that it started some may not have heard of the end.
      if (why !== undefined) killGroup(child, 'SIGKILL');
      if (why !== undefined || code === 0) finish(why);
      else finish(code === null ? `was killed by ${name}` : `ended with exit code ${code}`);
    });
    // It need not read what it is told.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {} // all of them have ended
}
