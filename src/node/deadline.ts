import vm from 'node:vm';

let calls = 0;

/**
 * Runs `work`, and ends it if it takes longer than `milliseconds`, even in an endless loop: V8 itself terminates what runs
 * inside a script with a time limit, from a thread of its own. What is terminated runs no `catch` and no `finally` of its
 * own, so whatever must be undone is undone by the caller. Code that hangs outside JavaScript is not ended.
 *
 * @returns what `work` returned, or `onTimeout()`
 */
export function withDeadline<T>(milliseconds: number, work: () => T, onTimeout: () => T): T {
  // A script knows its surroundings by globals only; this one exists while the script runs.
  const name = `__mdmp_work_${++calls}`;
  Object.defineProperty(globalThis, name, { value: work, configurable: true });
  try {
    return new vm.Script(`${name}()`).runInThisContext({
      timeout: Math.max(1, Math.ceil(milliseconds)),
    }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return onTimeout();
    throw error;
  } finally {
    Reflect.deleteProperty(globalThis, name);
  }
}
