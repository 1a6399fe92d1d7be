export {
  type Analysis,
  type AnalyzedThread,
  type AnalyzeOptions,
  analyze,
  analyzeTask,
  type Crash,
} from './analyze.js';
export type { CallArgument, CallArguments, CallingConvention } from './call-arguments.js';
export { type LoadedModule, ModuleMap, type UnloadedHit } from './code-modules.js';
export { crashAddress, crashReason, lastErrorName } from './crash-reason/index.js';
export { readEvilJson } from './evil-json.js';
export { type FrameLine, frameLines } from './frame-text.js';
export { findGaps, findGapsTask, type Gap, type GapConcern, type GapKind, gapsText } from './gaps/index.js';
export {
  type AdjustedAddress,
  type CapstoneModule,
  type CrashInconsistency,
  type CrashMemoryAccess,
  capstoneDisassembler,
  type DecodedInstruction,
  type Disassembler,
  type InstructionAnalysis,
  type InstructionOfCrash,
  type PossibleBitFlip,
} from './instruction/index.js';
export type { CpuName, Os } from './platform.js';
export { type ReportTextOptions, reportLines, reportText } from './report-text.js';
export { type ReportAdditions, rustMinidumpReport } from './rust-minidump-report.js';
export * from './signature/index.js';
export type { InlinedFrame, Stack, StackFrame } from './stack.js';
export { modulesOnStacks } from './stack-modules.js';
