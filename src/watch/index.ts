export { SharedAttachment } from '../targets/linux/attached/shared-attachment.js';
export { listWatchers, releaseWatched, resumeWatched } from './control.js';
export * from './dumps/index.js';
export { type LoadedCallback, loadCallback } from './load-callback.js';
export type { ProcessExit, WatchEnd, WatchEvent, WatchOptions } from './options.js';
export { type RequestDumpOptions, requestDump } from './request-dump.js';
export type { WatchedReport, WatcherReport } from './socket/protocol.js';
export {
  type Firing,
  findProcess,
  parseDuration,
  parseTriggers,
  type TriggerSpec,
  type TriggerTexts,
  waitForProcess,
} from './triggers/index.js';
export { Watch } from './watch.js';
export { runWatched, watchProcess } from './watch-process.js';
