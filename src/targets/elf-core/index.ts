export { type ElfCoreOptions, ElfCoreTarget } from './elf-core.js';
export type { OpenFile } from './module-files.js';
