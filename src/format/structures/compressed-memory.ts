import { at, struct, u32, u64 } from '../layout.js';

/**
 * What CompressedMemoryStreamStartCallback (21) and CompressedMemoryStreamFinishCallback (22) exchange on 64-bit Windows, from
 * their pages in Microsoft's documentation: layouts only. The stream they announce has no public format, and mdmp writes
 * none.
 */
export const MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK_64 = struct(
  'MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK_64',
  {
    MaxParallelism: u32,
    MaxTransferSize: u32,
    NumaNodeInfoArray: at(8, u64),
    NumaNodeInfoArraySize: u32,
    Reserved: u32,
  },
);

export const MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK = struct(
  'MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK',
  {
    CompressedStreamSize: u64,
    StreamCompressionRate: u32,
  },
);
