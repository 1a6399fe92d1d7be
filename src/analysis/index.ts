export {
  type Analysis,
  type AnalyzedThread,
  type AnalyzeOptions,
  analyze,
  analyzeTask,
  type Crash,
} from './analyze.js';
export { type LoadedModule, ModuleMap, type UnloadedHit } from './code-modules.js';
export { crashAddress, crashReason, lastErrorName } from './crash-reason/index.js';
export { readEvilJson } from './evil-json.js';
export * from './instruction/index.js';
export type { CpuName, Os } from './platform.js';
export { type ReportTextOptions, reportText } from './report-text.js';
export { type ReportAdditions, rustMinidumpReport } from './rust-minidump-report.js';
export * from './signature/index.js';
export type { InlinedFrame, Stack, StackFrame } from './stack.js';
