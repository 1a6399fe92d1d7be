import { type Compressor, type Decompress, fzstdDecompressor, MinidumpError } from '../../io/index.js';
import { loadFzstd } from './fzstd-package.js';
import { libraryCompressor, libraryDecompressor } from './libzstd.js';
import { nodeCompressor, nodeDecompressor } from './node-zlib.js';
import { programCompressor } from './program.js';

/**
 * The fastest there is: Node's own zstd, the system's library, the program.
 *
 * @throws MinidumpError `zstd-missing` if there is none of them
 */
export async function findCompressor(): Promise<Compressor> {
  const found = nodeCompressor() ?? libraryCompressor() ?? (await programCompressor());
  if (found !== undefined) return found;
  throw new MinidumpError(
    'zstd-missing',
    `nothing compresses with zstd here: node:zlib of Node ${process.versions.node} does not, and neither libzstd.so.1 (through koffi) nor the program zstd was found`,
    { advice: 'Use Node 22.15 or newer, or install zstd.' },
  );
}

/** The fastest there is: Node's own zstd, the system's library; else fzstd, which takes ten times as long and ignores checksums. */
export async function findDecompressor(): Promise<Decompress> {
  const found = nodeDecompressor() ?? libraryDecompressor();
  return found ?? fzstdDecompressor(loadFzstd().decompress);
}
