import type { Task } from '../../io/index.js';
import { NumberList, upperBoundOf } from '../number-list.js';
import type { FormValue } from './forms.js';

/** Scopes in each other; those of real programs are some ten deep. */
const MAX_DEPTH = 64;
/** In the place of a scope: the unit itself. */
const NONE = -1;

/** The namespaces and types of one unit, and which of them each function was declared in: what a mangled name would say. */
export class ScopeNames {
  readonly #names: (FormValue | undefined)[] = [];
  readonly #parents = new NumberList();
  readonly #open: number[] = [];
  /** In ascending order, as the DIEs of a unit are walked. */
  readonly #dies = new NumberList();
  readonly #scopes = new NumberList();

  /** A scope begins; without a name where it is anonymous. */
  enter(name: FormValue | undefined): void {
    this.#parents.push(this.#open.at(-1) ?? NONE);
    this.#open.push(this.#names.push(name) - 1);
  }

  leave(): void {
    this.#open.pop();
  }

  /** A function stands in the scope that is open. */
  declare(die: number): void {
    const scope = this.#open.at(-1);
    if (scope === undefined) return;
    this.#dies.push(die);
    this.#scopes.push(scope);
  }

  /**
   * The name of a function with those of its scopes (`ns::Class::method`), up to one without a name, as dump_syms has it.
   *
   * @param text reads a name
   */
  *qualify(die: number, name: string, text: (name: FormValue) => Task<string | undefined>): Task<string> {
    let scope = this.#scopeOf(die);
    const parts = [name];
    for (let depth = 0; scope !== NONE && depth < MAX_DEPTH; depth++) {
      const value = this.#names[scope];
      const part = value && (yield* text(value));
      if (part === undefined || part === '') break;
      parts.unshift(part);
      scope = this.#parents.at(scope);
    }
    return parts.join('::');
  }

  #scopeOf(die: number): number {
    const first = upperBoundOf((i) => this.#dies.at(i), die - 1, 0, this.#dies.length);
    return first < this.#dies.length && this.#dies.at(first) === die ? this.#scopes.at(first) : NONE;
  }
}
