/** Things that were made with effort, the ones used last: the others go when all together weigh more than they may. */
export class Recent<T> {
  readonly #limit: number;
  readonly #drop: (item: T) => void;
  readonly #items = new Map<number, { item: T; weight: number }>();
  #weight = 0;

  /** `drop` is told of those that go. */
  constructor(limit: number, drop: (item: T) => void = () => {}) {
    this.#limit = limit;
    this.#drop = drop;
  }

  get(key: number): T | undefined {
    const found = this.#items.get(key);
    if (found === undefined) return undefined;
    this.#items.delete(key);
    this.#items.set(key, found);
    return found.item;
  }

  /** One that weighs more than the limit is kept alone. */
  set(key: number, item: T, weight: number): void {
    this.#items.set(key, { item, weight });
    this.#weight += weight;
    for (const [oldest, { item: old, weight: less }] of this.#items) {
      if (this.#weight <= this.#limit || oldest === key) break;
      this.#items.delete(oldest);
      this.#weight -= less;
      this.#drop(old);
    }
  }
}
