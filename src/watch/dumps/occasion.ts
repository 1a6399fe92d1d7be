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
  /** The process stands still until the dump is there: it cannot wait. */
  readonly held?: boolean | undefined;
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

/** Whether the program stands still, in its crash mostly, and there is no second time: nothing waits, and nothing is left for later. */
export function isUrgent({ trigger, crash, held }: DumpOccasion): boolean {
  return held === true || crash !== undefined || trigger === 'crash';
}
