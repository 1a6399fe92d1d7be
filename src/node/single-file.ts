import { createRequire } from 'node:module';
import { MinidumpError } from '../io/index.js';

/** Whether this program is an application in one file: such a one is started as itself, whatever it is given, and cannot run a helper. */
export function isSingleFile(): boolean {
  if ('pkg' in process) return true;
  try {
    return (createRequire(import.meta.url)('node:sea') as { isSea(): boolean }).isSea();
  } catch {
    return false; // Node before 20.12 has no such applications.
  }
}

/** @throws MinidumpError `own-process` where a helper cannot be run */
export function checkNotSingleFile(): void {
  if (!isSingleFile()) return;
  throw new MinidumpError(
    'own-process',
    'this program is a single executable file, which cannot run the helper that a dump of itself needs',
    { advice: `Dump it from another process: mdmp dump ${process.pid}` },
  );
}
