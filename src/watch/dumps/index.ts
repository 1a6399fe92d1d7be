export { dumpLine } from './dump-line.js';
export { DumpStore, type StoreHints, type WriteDump } from './dump-store.js';
export type { DumpHook } from './hooks.js';
export { DEFAULT_TEMPLATE } from './name-template.js';
export { type DumpOccasion, isUrgent, type OccasionCrash, type StoredDump } from './occasion.js';
export type { DumpStoreOptions } from './options.js';
export { BACK_OFF, type BackOff } from './pace.js';
