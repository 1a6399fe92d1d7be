export { type AdjustedAddress, adjustAddress, isNonCanonical } from './adjusted-address.js';
export { analyzeCrash, type CrashMemoryAccess, type InstructionOfCrash } from './analyze-crash.js';
export {
  analyzeInstruction,
  type InstructionAnalysis,
  type InstructionPointerUpdate,
  type InstructionQuestion,
} from './analyze-instruction.js';
export {
  type BitFlipDetails,
  type BitFlipQuestion,
  bitFlipConfidence,
  type PossibleBitFlip,
  possibleBitFlips,
} from './bit-flips.js';
export { type CapstoneModule, capstoneDisassembler } from './capstone.js';
export { CAPSTONE_WASM_SIZE, capstoneFromWasm } from './capstone-wasm.js';
export type { CrashException } from './crash-exception.js';
export type * from './disassembler.js';
export {
  type CrashInconsistency,
  crashInconsistencies,
  type InconsistencyQuestion,
} from './inconsistencies.js';
export type { OpcodeClass } from './opcode-class.js';
export {
  isLikelyGuardPage,
  type MemoryOperation,
  type MemoryRegion,
  memoryRegionsOf,
  regionAt,
} from './regions.js';
export { type RustMinidumpCrashMembers, toRustMinidumpJson } from './rust-minidump-json.js';
export type { AccessType, MemoryAccess, SegmentBases } from './x86-accesses.js';
export type { Registers } from './x86-registers.js';
