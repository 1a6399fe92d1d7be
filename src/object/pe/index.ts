export type { PeDebugDirectory } from './debug-directory.js';
export type { FunctionRange, PeFrames } from './frames.js';
export type { DataDirectory, PeHeaders, PeSection } from './headers.js';
export type { PeImage } from './image.js';
export * from './machines.js';
export * from './pe-debug-information.js';
export * from './pe-file.js';
export * from './pe-image-information.js';
export * from './pe-symbol-listing.js';
