export * from './browser.js';
export { type FileFilterOptions, filterMinidump } from './filter-minidump.js';
export { FileSink } from './node/file-sink.js';
export { FileSource } from './node/file-source.js';
export type { LiveOptions } from './targets/linux/live.js';
export {
  type FileDumpReport,
  type WriteMinidumpOptions,
  writeMinidump,
} from './targets/linux/write-minidump.js';
