import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crashAddress, crashReason } from '../analysis/crash-reason/index.js';
import type { FrameLine } from '../analysis/index.js';
import { cpuNameOf, osOf } from '../analysis/platform.js';
import { type MinidumpError, runSync } from '../io/index.js';
import type { Exception, Minidump } from '../reader/index.js';
import { symbolPaths } from '../symbols/suppliers/layouts.js';

/** What `mdmp info` says of a crash; loaded for dumps of crashes only. */
export interface CrashFacts {
  readonly reason: string;
  readonly address: bigint;
  /** Of the thread that crashed, if symbols are near. */
  readonly stack: readonly FrameLine[] | undefined;
}

/**
 * Near are the files and folders that the user named, and the folder that the dump is in. What walks stacks is loaded only if there are
 * any: nobody else waits for it.
 *
 * @param file path of the dump
 * @param named files and folders of symbols
 * @param problems gets what is wrong with the dump where that costs the stack
 */
export async function crashFacts(
  dump: Minidump,
  { ExceptionRecord: record }: Exception,
  file: string,
  named: readonly string[],
  problems: MinidumpError[],
): Promise<CrashFacts> {
  const system = runSync(dump.systemTask());
  const os = osOf(system?.PlatformId ?? 0);
  const cpu = cpuNameOf(system?.ProcessorArchitecture ?? -1);
  const folder = dirname(file);
  let stack: readonly FrameLine[] | undefined;
  if (named.length > 0 || hasSymbols(folder, dump)) {
    const { nearStack } = await import('./near-stack.js');
    stack = nearStack(dump, [...named, folder], problems);
  }
  return { reason: crashReason(os, cpu, record), address: crashAddress(os, cpu, record), stack };
}

/** Of so many modules it is looked for symbols: programs have some hundreds. */
const MOST_MODULES = 1000;

/** Whether a folder has a file under a name that symbols of the dump would have. */
function hasSymbols(folder: string, dump: Minidump): boolean {
  const modules = (runSync(dump.tryTask('modules')) ?? []).slice(0, MOST_MODULES);
  return modules.some((module) => symbolPaths(module).some(({ path }) => isFile(join(folder, path))));
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    // A name that is too long, a folder that may not be looked into.
    return false;
  }
}
