export * from './browser.js';
export { type ConvertCoreOptions, type ConvertReport, convertCore } from './convert/convert-core.js';
export { type FileFilterOptions, type FileFilterReport, filterMinidump } from './convert/filter-minidump.js';
export type { LiveException, LiveOptions, WriteMinidumpOptions } from './live/options.js';
export { writeMinidump } from './live/write-minidump.js';
export { CacheFolder, type CacheOptions } from './node/cache-folder.js';
export { type Destination, openDestination } from './node/destination.js';
export { DiskFolder, openFile } from './node/disk-folder.js';
export { FileSink } from './node/file-sink.js';
export { FileSource } from './node/file-source.js';
export { type OpenedSource, openSource } from './node/open-source.js';
export type { OutputOptions, OutputReport } from './node/output.js';
export type { FileDumpReport } from './targets/linux/write-minidump.js';
export type { NativeException } from './targets/windows/exception.js';
export type { WindowsOptions } from './targets/windows/options.js';
export { listWatchers, releaseWatched, resumeWatched } from './watch/control.js';
export {
  type DumpOccasion,
  type DumpStoreOptions,
  type ProcessExit,
  runWatched,
  type StoredDump,
  type TriggerSpec,
  type Watch,
  type WatchEnd,
  type WatchEvent,
  type WatchOptions,
  watchProcess,
} from './watch/index.js';
export { type RequestDumpOptions, requestDump } from './watch/request-dump.js';
export type { WatchedReport, WatcherReport } from './watch/socket/protocol.js';
