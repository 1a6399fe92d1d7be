import type { FileDumpReport } from '../../targets/linux/write-minidump.js';

/** Why a dump is due. */
export interface DumpOccasion {
  readonly pid: number;
  /** The name of the process, as /proc/PID/comm has it: any bytes, decoded somehow. */
  readonly name: string;
  /** `crash`, `cpu-above`, `request` … */
  readonly trigger: string;
  /** One line for people. */
  readonly text: string;
  readonly time: Date;
  readonly crash?: OccasionCrash | undefined;
}

export interface OccasionCrash {
  readonly signal: number;
  readonly signalName: string;
  /** si_code. */
  readonly code: number;
  /** si_addr. */
  readonly address: bigint;
  /** The thread that got the signal. */
  readonly thread: number;
}

/** A dump that is complete and has its name. */
export interface StoredDump {
  /** Absolute path; empty if the callback wrote the dump by itself. */
  readonly file: string;
  /** Of the file, compressed or not. */
  readonly bytes: number;
  readonly occasion: DumpOccasion;
  /** How long the process stood still for the dump, in milliseconds; a crash's own stop is not counted. */
  readonly pause: number;
  /** How often it was tried; 1 where all went well. */
  readonly attempts: number;
  /** Occasions of the same kind (name and trigger) that got no dump since the last that did. */
  readonly leftOut: number;
  /** Absolute paths of the dumps that were removed for it. */
  readonly removed: readonly string[];
  readonly warnings: readonly string[];
  readonly report: FileDumpReport;
}

/** The program stands still in its crash, and there is no second one: nothing waits, and nothing is left for later. */
export function isCrash({ trigger, crash }: DumpOccasion): boolean {
  return crash !== undefined || trigger === 'crash';
}
