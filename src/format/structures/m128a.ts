import { i64, struct, u64 } from '../layout.js';

/** 128 bits, low half first: an SSE or NEON register. Breakpad's uint128_struct. */
export const M128A = struct('M128A', {
  Low: u64,
  High: i64,
});
