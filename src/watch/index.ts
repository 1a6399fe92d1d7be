export { listWatchers, releaseWatched, resumeWatched } from './control.js';
export * from './dumps/index.js';
export type { ProcessExit, WatchEnd, WatchEvent, WatchOptions } from './options.js';
export { type RequestDumpOptions, requestDump } from './request-dump.js';
export type { WatchedReport, WatcherReport } from './socket/protocol.js';
export {
  type Firing,
  findProcess,
  parseTriggers,
  type TriggerSpec,
  type TriggerTexts,
  waitForProcess,
} from './triggers/index.js';
export { Watch } from './watch.js';
export { runWatched, watchProcess } from './watch-process.js';
