import type { Mapping } from '../../../linux/maps.js';
import type { Gadgets } from './guard.js';

/** `syscall; ret` */
const CALL = [Buffer.from('0f05c3', 'hex')];
/** `mov $15, %rax; syscall` (glibc's __restore_rt), and the same with %eax (musl). */
const SIGRETURN = [Buffer.from('48c7c00f0000000f05', 'hex'), Buffer.from('b80f0000000f05', 'hex')];

/** So much of a mapping is searched; the C library's code is smaller. */
const MAX_SEARCH = 64 * 1024 * 1024;
const CHUNK = 1024 * 1024;
const OVERLAP = 16;

/**
 * Finds the instructions of a guarded call in the code of a process. The vDSO has no `syscall; ret`; libc has both, and so has a
 * program that is linked statically.
 *
 * @param read gives what can be had from the start of a range
 */
export function findGadgets(
  mappings: readonly Mapping[],
  read: (address: bigint, into: Uint8Array) => number,
): Gadgets | undefined {
  const buffer = Buffer.alloc(CHUNK + OVERLAP);
  let [call, sigreturn]: (bigint | undefined)[] = [];
  // A file's code: other code may be rewritten at any time.
  const code = mappings.filter(
    ({ readable, executable, writable, inode }) => readable && executable && !writable && inode !== 0n,
  );
  for (const { start, end } of [...code].sort(libraryFirst)) {
    const limit = end - start > MAX_SEARCH ? start + BigInt(MAX_SEARCH) : end;
    for (let at = start; at < limit; at += BigInt(CHUNK)) {
      const wanted = limit - at < BigInt(buffer.length) ? Number(limit - at) : buffer.length;
      const piece = buffer.subarray(0, read(at, buffer.subarray(0, wanted)));
      call ??= find(piece, CALL, at);
      sigreturn ??= find(piece, SIGRETURN, at);
      if (call !== undefined && sigreturn !== undefined) return { call, sigreturn };
    }
  }
  return undefined;
}

function find(bytes: Buffer, patterns: readonly Buffer[], base: bigint): bigint | undefined {
  for (const pattern of patterns) {
    const at = bytes.indexOf(pattern);
    if (at >= 0) return base + BigInt(at);
  }
  return undefined;
}

const isLibrary = ({ path }: Mapping) => /\/(libc[.-]|ld-musl)/.test(path);
const libraryFirst = (a: Mapping, b: Mapping) => Number(isLibrary(b)) - Number(isLibrary(a));
