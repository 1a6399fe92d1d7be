import { createReadStream, statSync } from 'node:fs';
import type { Source } from '../io/index.js';
import { FileSource } from './file-source.js';
import { Spool } from './spool.js';

/**
 * A file as it is; what comes through a pipe is put aside first, as a source is read here and there.
 *
 * @param path `-` is standard input
 * @param folder of the spool
 */
export async function openPiped(path: string, folder: string | undefined): Promise<Source & Disposable> {
  const piped = path === '-' || (statSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false);
  if (!piped) return new FileSource(path);
  const stream: AsyncIterable<Buffer> = path === '-' ? process.stdin : createReadStream(path);
  const spool = new Spool(folder);
  try {
    for await (const bytes of stream) spool.write(bytes);
    spool.close();
    return spool;
  } catch (error) {
    spool[Symbol.dispose]();
    throw error;
  }
}
