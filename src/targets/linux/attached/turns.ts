/** Gives the turn back; may be called again. */
export type Turn = () => void;

/** Who may use what only one can use at a time: one after the other in the order in which they came, those in a hurry first. */
export class Turns {
  #taken = false;
  readonly #urgent: ((turn: Turn) => void)[] = [];
  readonly #others: ((turn: Turn) => void)[] = [];

  /** @param urgent somebody is held up until it is done */
  take(urgent = false): Promise<Turn> {
    return new Promise((done) => {
      (urgent ? this.#urgent : this.#others).push(done);
      this.#next();
    });
  }

  #next(): void {
    if (this.#taken) return;
    const next = this.#urgent.shift() ?? this.#others.shift();
    if (next === undefined) return;
    this.#taken = true;
    let given = false;
    next(() => {
      if (given) return;
      given = true;
      this.#taken = false;
      this.#next();
    });
  }
}
