/** What ends a program by default and can be put off. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Puts off the signals that would end this process, while it has something to give back first. They take effect at
 * `[Symbol.dispose]`, as if they had come then. `signal` is aborted when one comes and the event loop is free to see it.
 */
export class HeldSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener = (name: NodeJS.Signals) => {
    this.#caught ??= name;
    this.#controller.abort();
  };
  #caught: NodeJS.Signals | undefined;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#listener);
    const name = this.#caught;
    this.#caught = undefined;
    if (name !== undefined) process.kill(process.pid, name);
  }
}
