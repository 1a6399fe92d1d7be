/** How a file is compressed. */
export type Packing = 'gzip' | 'zstd' | 'xz' | 'lz4' | 'bzip2';

const MAGICS: readonly (readonly [Packing, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  // pzstd begins with a skippable frame.
  ['zstd', [0x50, 0x2a, 0x4d, 0x18]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];

/** Of so many bytes it can be told. */
export const PACKING_HEAD = 8;

/** Told by the first bytes, not by the name; undefined for what is not compressed. */
export function packingOf(head: Uint8Array): Packing | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0];
}
