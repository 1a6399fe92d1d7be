import { AsyncLocalStorage } from 'node:async_hooks';

const isCallback = new AsyncLocalStorage<true>();
let users = 0;

/**
 * Has what a callback module prints go to stderr: the stdout of a watcher is that of the program that it has started, or has a line of
 * JSON for each dump. What others print meanwhile goes where it would.
 */
export async function withOutputOnStderr<T>(work: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  if (users++ === 0) {
    const usual = stdout.write;
    const sorted = (...given: Parameters<typeof usual>) =>
      isCallback.getStore() === true ? stderr.write(...given) : usual.apply(stdout, given);
    stdout.write = sorted as typeof usual;
    restore = () => {
      // Unless somebody else has put his own in its place.
      if (stdout.write === sorted) stdout.write = usual;
    };
  }
  try {
    return await isCallback.run(true, work);
  } finally {
    if (--users === 0) restore();
  }
}

let restore = (): void => {};
