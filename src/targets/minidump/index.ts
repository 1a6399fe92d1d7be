export {
  type FilterOptions,
  type FilterReport,
  filterMinidump,
  filterMinidumpSync,
  filterTask,
  toSource,
} from './filter.js';
export { MinidumpTarget, type MinidumpTargetOptions } from './minidump-target.js';
export type { EnvironmentReport } from './redaction/environment.js';
export type { ScrubReport } from './redaction/scrub.js';
export type { StringsReport } from './redaction/strings.js';
export type { Sanitiser } from './sanitiser.js';
export type { CarriedStream } from './streams.js';
