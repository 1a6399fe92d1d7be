import { MinidumpError, type Task } from '../../io/index.js';
import { type CpuContext, isWindows, type Minidump } from '../../reader/index.js';
import { crashAddress } from '../crash-reason/index.js';
import { cpuNameOf, osOf } from '../platform.js';
import { type AdjustedAddress, adjustAddress } from './adjusted-address.js';
import { analyzeInstruction, type InstructionAnalysis } from './analyze-instruction.js';
import { type PossibleBitFlip, possibleBitFlips } from './bit-flips.js';
import type { CrashException } from './crash-exception.js';
import type { Disassembler } from './disassembler.js';
import { type CrashInconsistency, crashInconsistencies } from './inconsistencies.js';
import { isLikelyGuardPage, memoryRegionsOf } from './regions.js';
import type { MemoryAccess, SegmentBases } from './x86-accesses.js';

export interface CrashMemoryAccess extends MemoryAccess {
  isLikelyGuardPage: boolean;
}

/** What the instruction of a crash tells of it. */
export interface InstructionOfCrash {
  exception: CrashException;
  /** The address that the operating system gave. */
  address: bigint;
  adjustedAddress: AdjustedAddress | undefined;
  /** Undefined where the dump does not hold it, or there is no disassembler. */
  instruction: InstructionAnalysis | undefined;
  /** As `instruction.accesses`; null for unknown. */
  accesses: CrashMemoryAccess[] | null;
  possibleBitFlips: PossibleBitFlip[];
  inconsistencies: CrashInconsistency[];
}

const LONGEST_INSTRUCTION = 15;

/** Looks at the instruction that a dump's exception is from. Undefined for a dump without an exception that can be read. */
export function* analyzeCrash(
  dump: Minidump,
  disassembler: Disassembler | undefined,
): Task<InstructionOfCrash | undefined> {
  const record = yield* dump.tryTask('exception');
  const system = yield* dump.systemTask();
  if (record === undefined || system === undefined) return undefined;
  const threads = (yield* dump.tryTask('threads')) ?? [];
  const thread = threads.findLast(({ ThreadId }) => ThreadId === record.ThreadId);
  const registers = record.context ?? thread?.context;
  const address = crashAddress(
    osOf(system.PlatformId),
    cpuNameOf(system.ProcessorArchitecture),
    record.ExceptionRecord,
  );
  const exception: CrashException = {
    platform: system.PlatformId,
    cpu: registers?.cpu ?? system.cpu ?? 'unknown',
    code: record.ExceptionRecord.ExceptionCode,
    flags: record.ExceptionRecord.ExceptionFlags,
    address,
    information: record.information,
  };
  const segments = isWindows(system) ? threadBlockSegment(exception.cpu, thread?.Teb) : {};
  const instruction = registers && (yield* instructionAt(dump, registers, disassembler, segments));
  const regions = yield* memoryRegionsOf(dump);
  const adjusted = adjustAddress(exception, instruction);
  const question = { exception, registers, regions, instruction };
  return {
    exception,
    address,
    adjustedAddress: adjusted,
    instruction,
    accesses:
      instruction?.accesses?.map((access) => ({
        ...access,
        isLikelyGuardPage: isLikelyGuardPage(regions, access.address),
      })) ?? null,
    possibleBitFlips: possibleBitFlips({ ...question, adjusted }),
    inconsistencies: crashInconsistencies({
      ...question,
      instructionPointer: registers?.instructionPointer,
    }),
  };
}

/** Windows keeps the thread's block at gs in 64-bit processes and at fs in 32-bit ones. */
function threadBlockSegment(cpu: string, block: bigint | undefined): SegmentBases {
  if (block === undefined || block === 0n) return {};
  return cpu === 'amd64' ? { gs: block } : { fs: block };
}

function* instructionAt(
  dump: Minidump,
  registers: CpuContext,
  disassembler: Disassembler | undefined,
  segments: SegmentBases,
): Task<InstructionAnalysis | undefined> {
  const memory = yield* dump.memoryTask();
  try {
    return yield* analyzeInstruction({
      registers,
      bytes: yield* memory.readTask(registers.instructionPointer, LONGEST_INSTRUCTION),
      disassembler,
      segments,
      readMemory: (address, length) => memory.readTask(address, length),
    });
  } catch (error) {
    // Memory that the file does not hold is as good as memory that was not dumped.
    if (error instanceof MinidumpError) return undefined;
    throw error;
  }
}
