import { existsSync } from 'node:fs';
import { dumpLine } from './dump-line.js';
import { runHook } from './hook-program.js';
import type { StoredDump } from './occasion.js';

/** What is called for each dump: a program and its arguments, or a function. */
export type DumpHook = readonly string[] | ((dump: StoredDump) => void | Promise<void>);

/** Runs the hook for one dump after the other. Whatever it does is one line, and nothing else. */
export class Hooks {
  readonly #hook: DumpHook;
  readonly #timeout: number;
  readonly #problem: (text: string) => void;
  readonly #end = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(hook: DumpHook, timeout: number, problem: (text: string) => void) {
    this.#hook = hook;
    this.#timeout = timeout;
    this.#problem = problem;
  }

  /** Not before whoever waits for the dump has let the process go on. */
  add(dump: StoredDump): void {
    this.#last = this.#last.then(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const problem = await this.#run(dump);
      if (problem === undefined) return;
      try {
        this.#problem(`the hook for ${dump.file || 'a dump'} ${problem}`);
      } catch {} // whoever is told has his own troubles; the next hook runs
    });
  }

  /** Resolves when none is running and none waits. */
  async idle(): Promise<void> {
    let last: Promise<void>;
    do {
      last = this.#last;
      await last;
    } while (last !== this.#last);
  }

  /** Ends the one that runs; those that wait are not started, which is said. */
  cancel(): void {
    this.#end.abort();
  }

  async #run(dump: StoredDump): Promise<string | undefined> {
    if (dump.file !== '' && !existsSync(dump.file)) {
      return 'was not called: the limits of the folder have removed the dump by now';
    }
    if (typeof this.#hook !== 'function') {
      return await runHook(
        [...this.#hook, dump.file],
        `${dumpLine(dump)}\n`,
        this.#timeout,
        this.#end.signal,
      );
    }
    return await this.#call(this.#hook, dump);
  }

  async #call(hook: (dump: StoredDump) => void | Promise<void>, dump: StoredDump) {
    const { signal } = this.#end;
    if (signal.aborted) return 'was not called: the watcher ends';
    let give = (_: string) => {};
    const limit = new Promise<string>((resolve) => {
      give = resolve;
    });
    const timer = setTimeout(
      () => give(`has not come back after ${this.#timeout / 1000} s, and is not waited for`),
      this.#timeout,
    );
    const abort = () => give('is not waited for: the watcher ends');
    signal.addEventListener('abort', abort);
    try {
      const called = (async () => {
        await hook(dump);
        return undefined;
      })();
      // What it says after its time is no business of anyone's.
      called.catch(() => {});
      return await Promise.race([called, limit]);
    } catch (error) {
      return `failed: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}
