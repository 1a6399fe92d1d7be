import { writeFileSync } from 'node:fs';
import { MinidumpError } from '../io/index.js';

/** Writes a file with mode 0600: a report holds names and values of the process. */
export function savePrivate(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new MinidumpError('write-failed', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
