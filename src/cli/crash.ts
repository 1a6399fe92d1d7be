import { dirname } from 'node:path';
import { analyzeTask, type FrameLine, frameLines } from '../analysis/index.js';
import { runSync } from '../io/index.js';
import type { Minidump } from '../reader/index.js';
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
 */
export function crashFacts(dump: Minidump, file: string, symbolPaths: readonly string[]): CrashFacts {
  using symbols = openSymbols({ paths: [...symbolPaths, dirname(file)], local: false });
  const { crash, threads, requestingThread } = runSync(
    analyzeTask(dump, { symbols, crashedThreadOnly: true }),
  );
  if (crash === undefined) throw new Error('a dump without an exception has no crash');
  const stack = requestingThread === undefined ? undefined : threads[requestingThread]!.stack;
  const isNamed = stack?.frames.some((frame) => frame.function !== undefined);
  return { ...crash, stack: isNamed ? frameLines(stack!) : undefined };
}
