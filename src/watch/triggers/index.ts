export { findProcess, waitForProcess } from './find-process.js';
export { parseDuration, parseTriggers, type TriggerTexts } from './parse.js';
export type {
  CountTrigger,
  CpuTrigger,
  Firing,
  HangTrigger,
  MemoryMeasure,
  MemoryTrigger,
  OutsideTrigger,
  TimerTrigger,
  TriggerSpec,
} from './trigger.js';
export { checkTrigger } from './validate.js';
export { type WatchEvents, type WatchOptions, watchConditions } from './watch.js';
