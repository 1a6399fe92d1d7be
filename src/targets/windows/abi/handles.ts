import { MinidumpError } from '../../../io/index.js';
import type { Handles } from './native-memory.js';

/** A handle is its value, a bigint, and NULL is null. */
export const plainHandles: Handles = {
  fromNative: (handle) => (handle === 0n ? null : handle),
  toNative(handle) {
    if (handle === null || handle === undefined) return 0n;
    if (typeof handle === 'bigint') return handle;
    if (typeof handle === 'number' && Number.isSafeInteger(handle)) return BigInt(handle);
    throw new MinidumpError('callback-failed', 'the callback gave a Handle that is no handle of Windows', {
      advice: 'A handle is a bigint here; null is none.',
    });
  },
};
