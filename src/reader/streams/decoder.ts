import type { Task } from '../../io/index.js';
import type { Minidump } from '../minidump.js';

/** What a stream is made into: from its bytes, and what they point to in the rest of the dump. */
export type Decoder<T> = (dump: Minidump, bytes: Uint8Array) => Task<T>;

/** A stream that points nowhere. */
export function plain<T>(decode: (bytes: Uint8Array, littleEndian: boolean) => T): Decoder<T> {
  return function* (dump, bytes) {
    return decode(bytes, dump.littleEndian);
  };
}
