export type { MachCpu } from './cpu.js';
export * from './mach-debug-information.js';
export * from './mach-file.js';
export * from './mach-functions.js';
export * from './mach-symbol-listing.js';
export { isMachO, type MachSlice, readSlices } from './slices.js';
