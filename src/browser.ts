/** What runs everywhere: all of mdmp but live capture and files. */
export * from './dump/index.js';
export * from './format/index.js';
export * from './io/index.js';
export * from './reader/index.js';
export * from './targets/elf-core/index.js';
export {
  type EnvironmentReport,
  type FilterOptions,
  type FilterReport,
  filterMinidump,
  MinidumpTarget,
  type MinidumpTargetOptions,
  type ScrubReport,
  type StringsReport,
} from './targets/minidump/index.js';
