export { type Decompress, isZstd, outlineOf } from './frame.js';
export { ZstdFrames } from './frames.js';
export { type FzstdDecompress, fzstdDecompressor } from './fzstd.js';
export { endsSeekTable } from './seek-table.js';
export { type Compressor, SeekableZstdSink } from './seekable-sink.js';
export { SeekableZstdSource } from './seekable-source.js';
