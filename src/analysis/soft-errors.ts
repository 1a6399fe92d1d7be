import { MinidumpError, type Task } from '../io/index.js';
import { type Json, type Minidump, toJson } from '../reader/index.js';

/**
 * What the writer of the dump could not do (MozSoftErrors), which is JSON of its own; null where there is none. What is nested so
 * deep that nothing can print it is as good as none, as in rust-minidump.
 */
export function* softErrors(dump: Minidump): Task<Json> {
  const stream = yield* dump.tryTask('softErrors');
  try {
    return toJson(stream ?? null);
  } catch (error) {
    if (error instanceof MinidumpError) return null;
    throw error;
  }
}
