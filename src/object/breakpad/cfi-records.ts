import { BROKEN, type Fields } from './fields.js';
import { RowList, sortedOrder } from './lists.js';
import { CFI, CFI_DELTA, HIGH, type SymTables } from './tables.js';

/** Deltas that one INIT may have. All of those before an address are read in a lookup. */
export const MAX_DELTAS = 1 << 14;
/** The same for their rules and those of the INIT together. */
export const MAX_RULE_BYTES = 1 << 20;

/** STACK CFI INIT records, and the STACK CFI records that follow each. */
export class CfiRecords {
  readonly #tables: SymTables;
  readonly #deltas = new RowList(CFI_DELTA.width);
  #start = 0;
  #size = 0;
  #open = false;
  #ruleBytes = 0;

  constructor(tables: SymTables) {
    this.#tables = tables;
  }

  /** STACK CFI INIT address size rules. One without a size covers nothing, and is dropped with the records that follow. */
  open(bytes: Uint8Array, fields: Fields): boolean {
    this.close();
    this.#open = true;
    this.#size = 0;
    const start = fields.hex();
    const size = fields.hex32();
    if (start === BROKEN || size === BROKEN || start + size > Number.MAX_SAFE_INTEGER) return false;
    if (size === 0) return true;
    this.#ruleBytes = fields.end - fields.rest();
    if (this.#ruleBytes > MAX_RULE_BYTES) return false;
    this.#start = start;
    this.#size = size;
    const { cfi, strings } = this.#tables;
    const row = cfi.add();
    cfi.numbers[row + CFI.low] = start % HIGH;
    cfi.numbers[row + CFI.high] = Math.floor(start / HIGH);
    cfi.numbers[row + CFI.size] = size;
    cfi.numbers[row + CFI.rules] = strings.add(bytes, fields.rest(), fields.end);
    return true;
  }

  /** STACK CFI address rules. Without an INIT before it, it is a broken line. */
  addDelta(bytes: Uint8Array, fields: Fields): boolean {
    const address = fields.hex();
    if (address === BROKEN || !this.#open) return false;
    const offset = Math.max(address - this.#start, 0);
    if (offset >= this.#size) return true;
    this.#ruleBytes += fields.end - fields.rest();
    if (this.#deltas.length >= MAX_DELTAS || this.#ruleBytes > MAX_RULE_BYTES) return false;
    const row = this.#deltas.add();
    this.#deltas.numbers[row + CFI_DELTA.offset] = offset;
    this.#deltas.numbers[row + CFI_DELTA.rules] = this.#tables.strings.add(bytes, fields.rest(), fields.end);
    return true;
  }

  close(): void {
    if (this.#open && this.#size > 0) {
      const { cfi, cfiDeltas } = this.#tables;
      const row = (cfi.length - 1) * CFI.width;
      cfi.numbers[row + CFI.firstDelta] = cfiDeltas.length;
      cfi.numbers[row + CFI.deltas] = this.#deltas.length;
      const offset = (delta: number) => this.#deltas.numbers[delta * CFI_DELTA.width + CFI_DELTA.offset]!;
      const order = sortedOrder(this.#deltas.length, (a, b) => offset(a) - offset(b));
      if (order) this.#deltas.take(order);
      for (let from = 0; from < this.#deltas.length * CFI_DELTA.width; from += CFI_DELTA.width) {
        const to = cfiDeltas.add();
        cfiDeltas.numbers[to + CFI_DELTA.offset] = this.#deltas.numbers[from + CFI_DELTA.offset]!;
        cfiDeltas.numbers[to + CFI_DELTA.rules] = this.#deltas.numbers[from + CFI_DELTA.rules]!;
      }
    }
    this.#deltas.clear();
    this.#open = false;
    this.#size = 0;
  }
}
