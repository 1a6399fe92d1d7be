import { readRange, type Source, type Task } from '../../io/index.js';
import { CfiRecords } from './cfi-records.js';
import { BROKEN, Fields, HEX_DIGITS, LineRecord } from './fields.js';
import { FunctionRecords } from './function-records.js';
import { ByteList } from './lists.js';
import { HIGH, NAMED, PUBLIC, SymTables, sortTables } from './tables.js';
import { addWindowsFrame } from './windows-records.js';

/**
 * Breakpad symbol files, the text that dump_syms writes: https://chromium.googlesource.com/breakpad/breakpad, docs/symbol_files.md.
 *
 * A line that cannot be read costs that line. Breakpad gives up after 100 of them, and rust-minidump at the first; here reading
 * goes on. Lines end with LF, after any number of CR; the last may have none (rust-minidump wants one). Names are bytes, which
 * become text when they are asked for.
 */

const PIECE = 1 << 16;
/** Longer lines are broken ones. rust-minidump skips them from 80 KB or 160 KB on, depending on where they lie. */
const MAX_LINE = 1 << 20;
const LF = 0x0a;
const CR = 0x0d;

/** Reads a .sym file, a piece at a time, into tables. */
export function* parseSymFile(source: Source): Task<SymTables> {
  const parser = new Parser();
  const carry = new ByteList(1 << 12);
  let skipping = false;
  for (let offset = 0; offset < source.size; offset += PIECE) {
    const piece = yield* readRange(source, offset, Math.min(PIECE, source.size - offset), 'symbol file');
    let from = 0;
    if (carry.length > 0 || skipping) {
      const end = piece.indexOf(LF);
      from = end < 0 ? piece.length : end + 1;
      if (!skipping) append(carry, piece.subarray(0, from));
      if (carry.length > MAX_LINE) {
        parser.lineTooLong();
        carry.length = 0;
        skipping = true;
      }
      if (end < 0) continue;
      if (!skipping) parser.take(carry.bytes, 0, carry.length);
      carry.length = 0;
      skipping = false;
    }
    const end = piece.lastIndexOf(LF) + 1;
    if (end > from) parser.take(piece, from, end);
    append(carry, piece.subarray(Math.max(from, end)));
  }
  if (carry.length > 0) {
    append(carry, Uint8Array.of(LF));
    parser.take(carry.bytes, 0, carry.length);
  }
  return parser.finish(source.size);
}

function append(list: ByteList, bytes: Uint8Array): void {
  list.reserve(bytes.length);
  list.bytes.set(bytes, list.length);
  list.length += bytes.length;
}

class Parser {
  readonly #tables = new SymTables();
  readonly #functions = new FunctionRecords(this.#tables);
  readonly #cfi = new CfiRecords(this.#tables);
  readonly #fields = new Fields();
  readonly #line = new LineRecord();

  finish(sourceSize: number): SymTables {
    this.#functions.close();
    this.#cfi.close();
    this.#tables.sourceSize = sourceSize;
    sortTables(this.#tables);
    return this.#tables;
  }

  lineTooLong(): void {
    this.#tables.brokenLines++;
  }

  /** Whole lines: the last byte is a line feed. */
  take(bytes: Uint8Array, from: number, to: number): void {
    const line = this.#line;
    const functions = this.#functions;
    let at = from;
    while (at < to) {
      const first = bytes[at]!;
      if (HEX_DIGITS[first]! < 16) {
        const next = line.read(bytes, at);
        if (next !== BROKEN) {
          if (!functions.addLine(line.address, line.size, line.line, line.file)) this.#tables.brokenLines++;
          at = next;
          continue;
        }
      }
      const end = bytes.indexOf(LF, at);
      if (end - at > MAX_LINE) this.#tables.brokenLines++;
      else if (first !== LF && first !== CR) {
        this.#fields.open(bytes, at, end);
        this.#record(bytes);
      }
      at = end + 1;
    }
  }

  #record(bytes: Uint8Array): void {
    const fields = this.#fields;
    if (fields.rest() >= fields.end) return;
    let good: boolean;
    if (fields.takes('FUNC')) good = this.#functions.open(bytes, fields);
    else if (fields.takes('STACK')) good = this.#stack(bytes);
    else if (fields.takes('INLINE')) {
      if (!this.#functions.addInline(fields)) this.#tables.brokenInlines++;
      return;
    } else if (fields.takes('INLINE_ORIGIN')) {
      if (!this.#origin(bytes)) this.#tables.brokenInlines++;
      return;
    } else if (fields.takes('FILE')) good = this.#file(bytes);
    else if (fields.takes('PUBLIC')) good = this.#public(bytes);
    else if (fields.takes('MODULE')) good = this.#module(bytes);
    else if (fields.takes('INFO')) good = this.#info(bytes);
    else good = this.#lineInFields();
    if (!good) this.#tables.brokenLines++;
  }

  #lineInFields(): boolean {
    const fields = this.#fields;
    const address = fields.hex();
    const size = fields.hex32();
    const line = fields.lineNumber();
    const file = fields.decimal();
    if (address === BROKEN || size === BROKEN || line === BROKEN || file === BROKEN) return false;
    return this.#functions.addLine(address, size, line, file);
  }

  #stack(bytes: Uint8Array): boolean {
    const fields = this.#fields;
    if (fields.takes('CFI')) {
      return fields.takes('INIT') ? this.#cfi.open(bytes, fields) : this.#cfi.addDelta(bytes, fields);
    }
    return fields.takes('WIN') && addWindowsFrame(this.#tables, bytes, fields);
  }

  #text(bytes: Uint8Array): number {
    return this.#tables.strings.add(bytes, this.#fields.rest(), this.#fields.end);
  }

  #fieldText(bytes: Uint8Array): number {
    const start = this.#fields.skipField();
    return this.#tables.strings.add(bytes, start, this.#fields.at);
  }

  #file(bytes: Uint8Array): boolean {
    const id = this.#fields.decimal();
    if (id === BROKEN) return false;
    const { files } = this.#tables;
    const row = files.add();
    files.numbers[row + NAMED.id] = id;
    files.numbers[row + NAMED.name] = this.#text(bytes);
    return true;
  }

  /**
   * Formerly the file stood between number and name, and INLINE had none; Breakpad tells them apart by whether a number is
   * there. rust-minidump takes it for a part of the name.
   */
  #origin(bytes: Uint8Array): boolean {
    const id = this.#fields.decimal();
    if (id === BROKEN) return false;
    if (this.#fields.nextIsNumber) this.#fields.skipField();
    const { origins } = this.#tables;
    const row = origins.add();
    origins.numbers[row + NAMED.id] = id;
    origins.numbers[row + NAMED.name] = this.#text(bytes);
    return true;
  }

  #public(bytes: Uint8Array): boolean {
    const fields = this.#fields;
    // Public symbols have no lines. What follows belongs to no function.
    this.#functions.close();
    fields.takes('m');
    const address = fields.hex();
    const parameterSize = fields.hex32();
    if (address === BROKEN || parameterSize === BROKEN) return false;
    const { publics } = this.#tables;
    const row = publics.add();
    publics.numbers[row + PUBLIC.low] = address % HIGH;
    publics.numbers[row + PUBLIC.high] = Math.floor(address / HIGH);
    publics.numbers[row + PUBLIC.parameterSize] = parameterSize;
    publics.numbers[row + PUBLIC.name] = this.#text(bytes);
    return true;
  }

  /** The first counts. Where the name is missing, as symbolic has seen, the rest is good. */
  #module(bytes: Uint8Array): boolean {
    const { head } = this.#tables;
    if (head.os !== 0) return false;
    head.os = this.#fieldText(bytes);
    head.cpu = this.#fieldText(bytes);
    head.id = this.#fieldText(bytes);
    head.name = this.#text(bytes);
    return head.id !== 0;
  }

  /** `CODE_ID id file` is written by dump_syms, `URL u` by rust-minidump at the end of files that it fetched. All else is skipped. */
  #info(bytes: Uint8Array): boolean {
    const { head } = this.#tables;
    if (this.#fields.takes('CODE_ID')) {
      head.codeId = this.#fieldText(bytes);
      head.codeFile = this.#text(bytes);
    } else if (this.#fields.takes('URL')) head.url = this.#text(bytes);
    return true;
  }
}
