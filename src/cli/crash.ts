import { dirname } from 'node:path';
import {
  analyzeTask,
  crashAddress,
  crashReason,
  type FrameLine,
  frameLines,
  type Stack,
} from '../analysis/index.js';
import { cpuNameOf, osOf } from '../analysis/platform.js';
import { MinidumpError, runSync } from '../io/index.js';
import type { Exception, Minidump } from '../reader/index.js';
import { openSymbols } from './symbol-places.js';

/** What `mdmp info` says of a crash; loaded for dumps of crashes only. */
export interface CrashFacts {
  readonly reason: string;
  readonly address: bigint;
  /** Of the thread that crashed, if symbols are near. */
  readonly stack: readonly FrameLine[] | undefined;
}

/**
 * Near are the files and folders that the user named, and the folder that the dump is in: symbols there are opened by name, nothing is
 * searched. Where they name no function of the stack, it is left out.
 *
 * @param file path of the dump
 * @param problems gets what is wrong with the dump where that costs the stack
 */
export function crashFacts(
  dump: Minidump,
  { ExceptionRecord: record }: Exception,
  file: string,
  symbolPaths: readonly string[],
  problems: MinidumpError[],
): CrashFacts {
  const system = runSync(dump.systemTask());
  const os = osOf(system?.PlatformId ?? 0);
  const cpu = cpuNameOf(system?.ProcessorArchitecture ?? -1);
  using symbols = openSymbols({ paths: [...symbolPaths, dirname(file)], local: false });
  let stack: Stack | undefined;
  try {
    const { threads, requestingThread } = runSync(analyzeTask(dump, { symbols, crashedThreadOnly: true }));
    if (requestingThread !== undefined) stack = threads[requestingThread]!.stack;
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    problems.push(error);
  }
  const isNamed = stack?.frames.some((frame) => frame.function !== undefined);
  return {
    reason: crashReason(os, cpu, record),
    address: crashAddress(os, cpu, record),
    stack: isNamed ? frameLines(stack!) : undefined,
  };
}
