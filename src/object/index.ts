export type * from './cfi.js';
export type * from './companion-files.js';
export { crc32, crc32Of } from './crc32.js';
export type * from './debug-information.js';
export { type CallFrames, openDebugFrame, openEhFrame, openImageFrames } from './dwarf/frames.js';
export type { Decompressors } from './elf-compression.js';
export * from './elf-debug-information.js';
export * from './elf-file.js';
export * from './elf-functions.js';
