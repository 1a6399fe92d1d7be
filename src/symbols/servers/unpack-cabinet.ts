import {
  BytesSource,
  type FileStore,
  type NewFile,
  readRange,
  type Source,
  type Task,
} from '../../io/index.js';
import { isCabinet, openCabinet } from '../../object/cabinet/index.js';

/** Bytes that are enough to tell a cabinet. */
const HEAD = 4;

/**
 * Unpacks a cabinet of a symbol store (`app.pd_`) into a new file of a store; undefined where it is none.
 *
 * @param limit bytes of what comes out of it
 */
export function* unpackCabinet(source: Source, store: FileStore, limit: number): Task<NewFile | undefined> {
  const head = yield* readRange(source, 0, Math.min(HEAD, source.size), 'cabinet');
  if (!isCabinet(head)) return undefined;
  const file = store.create();
  try {
    const sink = {
      mayWait: false,
      write: (bytes: Uint8Array) => file.write(bytes),
      close() {},
      abort() {},
    };
    yield* openCabinet(source, { limit, spool: { sink, source: () => new BytesSource(new Uint8Array()) } });
    return file;
  } catch (error) {
    file.discard();
    throw error;
  }
}
