import { analyzeTask, type FrameLine, frameLines } from '../analysis/index.js';
import { MinidumpError, runSync } from '../io/index.js';
import type { Minidump } from '../reader/index.js';
import { openSymbols } from './symbol-places.js';

/**
 * The stack of the thread that crashed; undefined where the symbols name no function of it.
 *
 * @param paths files and folders of symbols
 * @param problems gets what is wrong with the dump where that costs the stack
 */
export function nearStack(
  dump: Minidump,
  paths: readonly string[],
  problems: MinidumpError[],
): readonly FrameLine[] | undefined {
  using symbols = openSymbols({ paths, local: false });
  try {
    const { threads, requestingThread } = runSync(analyzeTask(dump, { symbols, crashedThreadOnly: true }));
    const stack = requestingThread === undefined ? undefined : threads[requestingThread]!.stack;
    const isNamed = stack?.frames.some((frame) => frame.function !== undefined);
    return isNamed ? frameLines(stack!) : undefined;
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    problems.push(error);
    return undefined;
  }
}
