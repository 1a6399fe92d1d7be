import type { Task } from '../../io/index.js';

/** What is opened when it is first asked for; where that fails, it fails in the same way from then on. */
export class Once<T> {
  readonly #open: () => Task<T>;
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(open: () => Task<T>) {
    this.#open = open;
  }

  *get(): Task<T> {
    if (this.#outcome === undefined) {
      try {
        this.#outcome = { value: yield* this.#open() };
      } catch (error) {
        this.#outcome = { error };
      }
    }
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}
