import { createRequire } from 'node:module';
import { MinidumpError } from '../io/index.js';

/** An application in one file is started as itself, whatever it is given: it cannot run a helper. @throws MinidumpError `own-process` */
export function checkNotSingleFile(): void {
  let single = 'pkg' in process;
  try {
    single ||= (createRequire(import.meta.url)('node:sea') as { isSea(): boolean }).isSea();
  } catch {} // Node before 20.12 has no such applications.
  if (!single) return;
  throw new MinidumpError(
    'own-process',
    'this program is a single executable file, which cannot run the helper that a dump of itself needs',
    { advice: `Dump it from another process: mdmp dump ${process.pid}` },
  );
}
