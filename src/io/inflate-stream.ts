import { concat } from './bytes.js';

/**
 * Unpacks zlib (RFC 1950) with what browsers and Node have for it, DecompressionStream. Stops as soon as there are more than `size`
 * bytes, and then gives these: a few bytes may be packed so that they become very many.
 */
export async function inflateStream(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  // A copy, because what is packed may lie in shared memory, which streams do not take.
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new DecompressionStream('deflate'));
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    while (length <= size) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      length += value.length;
    }
  } finally {
    // Also what is left is of no interest, nor is how that fails.
    await reader.cancel().catch(() => {});
  }
  return concat(pieces);
}
