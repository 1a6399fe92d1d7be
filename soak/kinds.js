// The kinds of dumps that are taken, and what each must hold.
import { MINIDUMP_TYPE as TYPE } from '../dist/index.js';

/** `stamp`, `wave`: this memory must be in the dump (true), must not be (false), or may be (undefined). `weight`: how often. */
export const kinds = {
  normal: { type: TYPE.MiniDumpNormal, weight: 5 },
  full: { type: TYPE.MiniDumpWithFullMemory, stamp: true, wave: true, weight: 2 },
  data: { type: TYPE.MiniDumpWithDataSegs | TYPE.MiniDumpWithHandleData, stamp: true, wave: true, weight: 1 },
  private: { type: TYPE.MiniDumpWithPrivateReadWriteMemory | TYPE.MiniDumpWithThreadInfo, weight: 1 },
  indirect: {
    type: TYPE.MiniDumpWithIndirectlyReferencedMemory | TYPE.MiniDumpWithAvxXStateContext,
    weight: 1,
  },
  removed: {
    type: TYPE.MiniDumpWithDataSegs,
    stamp: true,
    wave: false,
    weight: 1,
    callbacks: ({ wave }) => ({ removeMemory: () => [wave] }),
  },
  added: {
    type: TYPE.MiniDumpNormal,
    stamp: true,
    wave: true,
    weight: 1,
    callbacks: ({ stamp, wave }) => ({ memory: () => [stamp, wave] }),
  },
  // Not by includeThread: threads that are not stopped at all may see an EINTR while others are traced (docs/stopping.md).
  threads: {
    type: TYPE.MiniDumpNormal,
    weight: 1,
    lessThreads: true,
    callbacks: () => ({
      thread: ({ id }) => id % 3 !== 0,
      module: ({ path }) => path.includes('busy'),
    }),
  },
};

export const byWeight = Object.entries(kinds).flatMap(([name, { weight }]) => Array(weight).fill(name));
