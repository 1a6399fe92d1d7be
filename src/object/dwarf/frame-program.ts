import { ByteReader, broken } from '../bytes.js';
import { type Fde, readEncodedPointer } from './frame-entry.js';

/** How the caller's value of a register is found (DWARF 5, 6.4.1). Offsets are from the CFA, in bytes. */
export type RegisterRule =
  | { readonly kind: 'undefined' | 'same' }
  | { readonly kind: 'offset' | 'value-offset'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression' | 'value-expression'; readonly expression: Uint8Array };

export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

/** What holds from one address to the next row. */
export interface UnwindRow {
  readonly address: number;
  /** Where the next row begins; that of the function's end for the last. */
  readonly end: number;
  /** Undefined where no instruction has defined it. */
  readonly cfa: CfaRule | undefined;
  readonly rules: ReadonlyMap<number, RegisterRule>;
  /** AArch64: the return address is signed (pointer authentication). */
  readonly returnAddressSigned: boolean;
}

/** DW_CFA_remember_state inside another: compilers nest a few. */
const MAX_REMEMBERED = 64;
/** How often in one function: each copies the rules. */
const MAX_REMEMBERS = 4096;
/** Machines have far fewer registers; vector registers are among them. */
const MAX_RULES = 160;

const SAME: RegisterRule = { kind: 'same' };
const UNDEFINED: RegisterRule = { kind: 'undefined' };

interface State {
  cfa: CfaRule | undefined;
  rules: Map<number, RegisterRule>;
  signed: boolean;
}

/**
 * Runs the call frame instructions of a function and gives a row each time the address goes forward, and the last.
 * Its `rules` are those of the machine: they hold until the next row is asked for.
 * Throws `malformed` for instructions that are not known or cut off.
 */
export function* unwindRows(fde: Fde, pointerSize: 4 | 8): Generator<UnwindRow, void, undefined> {
  const state: State = { cfa: undefined, rules: new Map(), signed: false };
  let address = fde.start;
  const row = (end: number): UnwindRow => ({
    address,
    end,
    cfa: state.cfa,
    rules: state.rules,
    returnAddressSigned: state.signed,
  });
  const machine = new FrameMachine(fde, pointerSize, state);
  const initial = new ByteReader(fde.cie.instructions, 'CIE');
  while (initial.left > 0) {
    if (machine.step(initial, address) !== undefined)
      throw initial.broken('no advance in the instructions of a CIE');
  }
  machine.keepInitial();
  const reader = new ByteReader(fde.instructions, 'FDE');
  while (reader.left > 0) {
    const next = machine.step(reader, address);
    if (next === undefined) continue;
    if (next > address) yield row(next);
    address = next;
  }
  yield row(Math.max(address, fde.end));
}

/** The row that holds at an address inside the function. */
export function unwindRowAt(fde: Fde, address: number, pointerSize: 4 | 8): UnwindRow | undefined {
  for (const row of unwindRows(fde, pointerSize)) {
    if (address < row.end) return address >= row.address ? row : undefined;
  }
  return undefined;
}

class FrameMachine {
  readonly #fde: Fde;
  readonly #pointerSize: 4 | 8;
  readonly #state: State;
  readonly #remembered: State[] = [];
  #remembers = 0;
  #initial: ReadonlyMap<number, RegisterRule> = new Map();

  constructor(fde: Fde, pointerSize: 4 | 8, state: State) {
    this.#fde = fde;
    this.#pointerSize = pointerSize;
    this.#state = state;
  }

  /** The instructions of the CIE have run: DW_CFA_restore goes back to what there is now. */
  keepInitial(): void {
    this.#initial = new Map(this.#state.rules);
  }

  #set(register: number, rule: RegisterRule): void {
    const { rules } = this.#state;
    if (rules.size >= MAX_RULES && !rules.has(register))
      throw broken('FDE', `rules for at most ${MAX_RULES} registers`, 'more');
    rules.set(register, rule);
  }

  #restore(register: number): void {
    const rule = this.#initial.get(register);
    if (rule) this.#set(register, rule);
    else this.#state.rules.delete(register);
  }

  #define(register: number, offset: number): void {
    this.#state.cfa = { kind: 'register', register, offset };
  }

  /** Runs one instruction; gives the new address if it moves on. */
  step(reader: ByteReader, address: number): number | undefined {
    const { codeAlignment, dataAlignment } = this.#fde.cie;
    const state = this.#state;
    const op = reader.u8();
    const operand = op & 0x3f;
    switch (op >> 6) {
      case 1: // DW_CFA_advance_loc
        return address + operand * codeAlignment;
      case 2: // DW_CFA_offset
        this.#set(operand, { kind: 'offset', offset: reader.uleb() * dataAlignment });
        return undefined;
      case 3: // DW_CFA_restore
        this.#restore(operand);
        return undefined;
    }
    switch (op) {
      case 0x00: // DW_CFA_nop
        return undefined;
      case 0x01: {
        // DW_CFA_set_loc
        const { cie, instructionsAddress } = this.#fde;
        const to = readEncodedPointer(reader, cie.pointerEncoding, {
          start: instructionsAddress,
          pointerSize: this.#pointerSize,
        });
        if (to === undefined) throw reader.broken('an address');
        return to;
      }
      case 0x02: // DW_CFA_advance_loc1
        return address + reader.u8() * codeAlignment;
      case 0x03: // DW_CFA_advance_loc2
        return address + reader.u16() * codeAlignment;
      case 0x04: // DW_CFA_advance_loc4
        return address + reader.u32() * codeAlignment;
      case 0x1d: // DW_CFA_MIPS_advance_loc8
        return address + reader.u64() * codeAlignment;
      case 0x05: // DW_CFA_offset_extended
        this.#set(reader.uleb(), { kind: 'offset', offset: reader.uleb() * dataAlignment });
        return undefined;
      case 0x06: // DW_CFA_restore_extended
        this.#restore(reader.uleb());
        return undefined;
      case 0x07: // DW_CFA_undefined
        this.#set(reader.uleb(), UNDEFINED);
        return undefined;
      case 0x08: // DW_CFA_same_value
        this.#set(reader.uleb(), SAME);
        return undefined;
      case 0x09: // DW_CFA_register
        this.#set(reader.uleb(), { kind: 'register', register: reader.uleb() });
        return undefined;
      case 0x0a: // DW_CFA_remember_state
        if (this.#remembered.length >= MAX_REMEMBERED || this.#remembers++ >= MAX_REMEMBERS)
          throw reader.broken('fewer remembered states');
        this.#remembered.push({ ...state, rules: new Map(state.rules) });
        return undefined;
      case 0x0b: {
        // DW_CFA_restore_state; the CFA is part of the state, which DWARF does not say and all compilers mean
        const remembered = this.#remembered.pop();
        if (remembered === undefined) throw reader.broken('a remembered state');
        Object.assign(state, remembered);
        return undefined;
      }
      case 0x0c: // DW_CFA_def_cfa
        this.#define(reader.uleb(), reader.uleb());
        return undefined;
      case 0x12: // DW_CFA_def_cfa_sf
        this.#define(reader.uleb(), reader.sleb() * dataAlignment);
        return undefined;
      case 0x0d: // DW_CFA_def_cfa_register
        this.#define(reader.uleb(), this.#cfa(reader).offset);
        return undefined;
      case 0x0e: // DW_CFA_def_cfa_offset
        this.#define(this.#cfa(reader).register, reader.uleb());
        return undefined;
      case 0x13: // DW_CFA_def_cfa_offset_sf
        this.#define(this.#cfa(reader).register, reader.sleb() * dataAlignment);
        return undefined;
      case 0x0f: // DW_CFA_def_cfa_expression
        state.cfa = { kind: 'expression', expression: reader.take(reader.uleb()) };
        return undefined;
      case 0x10: // DW_CFA_expression
        this.#set(reader.uleb(), { kind: 'expression', expression: reader.take(reader.uleb()) });
        return undefined;
      case 0x16: // DW_CFA_val_expression
        this.#set(reader.uleb(), { kind: 'value-expression', expression: reader.take(reader.uleb()) });
        return undefined;
      case 0x11: // DW_CFA_offset_extended_sf
        this.#set(reader.uleb(), { kind: 'offset', offset: reader.sleb() * dataAlignment });
        return undefined;
      case 0x14: // DW_CFA_val_offset
        this.#set(reader.uleb(), { kind: 'value-offset', offset: reader.uleb() * dataAlignment });
        return undefined;
      case 0x15: // DW_CFA_val_offset_sf
        this.#set(reader.uleb(), { kind: 'value-offset', offset: reader.sleb() * dataAlignment });
        return undefined;
      case 0x2d: // DW_CFA_AARCH64_negate_ra_state; DW_CFA_GNU_window_save on SPARC, which mdmp does not unwind
        state.signed = !state.signed;
        return undefined;
      case 0x2e: // DW_CFA_GNU_args_size: for landing pads only
        reader.skipLeb();
        return undefined;
      case 0x2f: // DW_CFA_GNU_negative_offset_extended
        this.#set(reader.uleb(), { kind: 'offset', offset: -reader.uleb() * dataAlignment });
        return undefined;
      default:
        throw reader.broken('a known call frame instruction');
    }
  }

  #cfa(reader: ByteReader): { register: number; offset: number } {
    const { cfa } = this.#state;
    if (cfa?.kind !== 'register') throw reader.broken('a CFA that is a register and an offset');
    return cfa;
  }
}
