import { MinidumpError } from '../../io/index.js';
import type { SymbolListener } from '../symbol-listing.js';
import type { Fde } from './frame-entry.js';
import { type CfaRule, type RegisterRule, type UnwindRow, unwindRows } from './frame-program.js';
import { symRegisterName } from './register-names.js';

/**
 * Call frame information of DWARF in the words of STACK CFI records, as Breakpad's dump_syms chooses them: what these cannot say
 * (expressions, a register that is lost) leaves the rule as it was.
 */
export class FrameText {
  readonly #machine: number;
  readonly #pointerSize: 4 | 8;
  readonly #base: number;
  readonly #listener: Pick<SymbolListener, 'cfi' | 'cfiDelta'>;
  /** What holds now: texts by their name, `.cfa`, `.ra` or a register. */
  readonly #texts = new Map<string, string>();
  /** What they were made of. */
  readonly #rules = new Map<number, RegisterRule>();
  #cfa: CfaRule | undefined;
  readonly #changed: string[] = [];

  /** @param base of the module: addresses of the file less this are RVAs */
  constructor(
    machine: number,
    pointerSize: 4 | 8,
    base: number,
    listener: Pick<SymbolListener, 'cfi' | 'cfiDelta'>,
  ) {
    this.#machine = machine;
    this.#pointerSize = pointerSize;
    this.#base = base;
    this.#listener = listener;
  }

  /** Tells the records of one function. Where its instructions are broken, what came before holds to its end. */
  list(fde: Fde): void {
    const { start, end, cie } = fde;
    this.#listRows(unwindRows(fde, this.#pointerSize), cie.returnAddressRegister, start, end);
  }

  /** Tells of a function that has the same rules from its start to its end, by a row that is not made of DWARF. */
  listRow(row: UnwindRow, returnAddressRegister: number): void {
    this.#listRows([row], returnAddressRegister, row.address, row.end);
  }

  #listRows(rows: Iterable<UnwindRow>, returnAddressRegister: number, from: number, end: number): void {
    this.#texts.clear();
    this.#rules.clear();
    this.#cfa = undefined;
    let isFirst = true;
    try {
      for (const row of rows) {
        if (isFirst) {
          // .ra must have a rule: a return address that is in a register has none in DWARF.
          const ra = symRegisterName(this.#machine, returnAddressRegister);
          if (ra !== undefined) this.#set('.ra', ra);
        }
        this.#takeCfa(row.cfa);
        this.#takeRules(row.rules, returnAddressRegister);
        if (this.#changed.length > 0) {
          // `$` sorts before `.`, and that before letters.
          this.#changed.sort();
          const rules = this.#changed.map((name) => `${name}: ${this.#texts.get(name)}`).join(' ');
          this.#changed.length = 0;
          const start = row.address - this.#base;
          if (isFirst) this.#listener.cfi(start, end - from, rules);
          else if (row.address < end) this.#listener.cfiDelta(start, rules);
        }
        isFirst = false;
        // A row in which nothing can be said would leave its deltas without a record to belong to.
        if (this.#texts.size === 0) return;
      }
    } catch (error) {
      this.#changed.length = 0;
      if (!(error instanceof MinidumpError)) throw error;
    }
  }

  #takeCfa(rule: CfaRule | undefined): void {
    if (rule === this.#cfa || rule === undefined) return;
    this.#cfa = rule;
    if (rule.kind !== 'register') return;
    const name = symRegisterName(this.#machine, rule.register);
    if (name !== undefined) this.#set('.cfa', `${name} ${rule.offset} +`);
  }

  #takeRules(rules: ReadonlyMap<number, RegisterRule>, returnAddressRegister: number): void {
    for (const [register, rule] of rules) {
      if (this.#rules.get(register) === rule) continue;
      this.#rules.set(register, rule);
      this.#setRule(register, rule, returnAddressRegister);
    }
    if (this.#rules.size === rules.size) return;
    for (const register of this.#rules.keys()) {
      if (rules.has(register)) continue;
      this.#rules.delete(register);
      this.#setRule(register, { kind: 'same' }, returnAddressRegister);
    }
  }

  #setRule(register: number, rule: RegisterRule, returnAddressRegister: number): void {
    const own = symRegisterName(this.#machine, register);
    const name = register === returnAddressRegister ? '.ra' : own;
    // An undefined return address says that there is no caller. Breakpad and rust-minidump end a stack at 0; dump_syms has what the CIE says.
    const text = name === '.ra' && rule.kind === 'undefined' ? '0' : this.#textOf(rule, own);
    if (name !== undefined && text !== undefined) this.#set(name, text);
  }

  #textOf(rule: RegisterRule, own: string | undefined): string | undefined {
    switch (rule.kind) {
      case 'same':
        return own;
      case 'offset':
        return `.cfa ${rule.offset} + ^`;
      case 'value-offset':
        return `.cfa ${rule.offset} +`;
      case 'register':
        return symRegisterName(this.#machine, rule.register);
      default:
        return undefined;
    }
  }

  #set(name: string, text: string): void {
    if (this.#texts.get(name) === text) return;
    this.#texts.set(name, text);
    if (!this.#changed.includes(name)) this.#changed.push(name);
  }
}
