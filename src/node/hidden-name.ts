import { join } from 'node:path';

/** How such names begin. */
export const HIDDEN = '.mdmp-';

/**
 * A name in `folder` for a file that nobody shall see yet. It is to be created with O_EXCL, so it need not be hard to
 * guess, only seldom taken; and `node:crypto` would take 3 ms of a command to load.
 */
export function hiddenName(folder: string): string {
  const word = () =>
    Math.floor(Math.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return join(folder, `${HIDDEN}${word()}${word()}`);
}
