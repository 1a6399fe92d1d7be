import { MinidumpError } from '../../io/index.js';
import { type ByteReader, broken } from '../bytes.js';
import { NumberList, upperBoundOf } from '../number-list.js';
import { Intervals } from './intervals.js';

/** What the header of a line table says of its program. */
export interface LineProgram {
  readonly minimumInstruction: number;
  /** Of an instruction of a VLIW machine; else 1. */
  readonly operations: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Of standard opcode 1 and so on: how those that are not known are skipped. */
  readonly operandCounts: Uint8Array;
  readonly addressSize: number;
  /** DW_LNE_define_file. */
  addFile(name: string, directory: number): void;
}

/** A row, and where its line begins. */
export interface LineRow {
  /** As in the file table: counted from 1 before DWARF 5, from 0 in it. */
  readonly file: number;
  /** 0 where code belongs to no line. */
  readonly line: number;
  /** The first address of the rows of this file and line that this one continues. */
  readonly start: number;
}

/** Numbers of a row: its address; its file times 2^32 and its line. */
const ROW = 2;
const LINES = 2 ** 32;
/** Those of the largest units that are known are a tenth of it. */
const MAX_ROWS = 1 << 22;

/** The rows of a line table, by address. */
export class LineRows {
  readonly #rows: NumberList;
  /** The value of a sequence is the number of its first row. */
  readonly #sequences: Intervals;
  readonly #ends: ReadonlyMap<number, number>;

  /** @param sequences first and last row of each */
  constructor(rows: NumberList, sequences: readonly number[]) {
    this.#rows = rows;
    const triples = new NumberList();
    const ends = new Map<number, number>();
    for (let i = 0; i < sequences.length; i += 2) {
      const first = sequences[i]!;
      const last = sequences[i + 1]!;
      triples.push(this.address(first));
      triples.push(this.address(last));
      triples.push(first);
      ends.set(first, last);
    }
    this.#sequences = new Intervals(triples);
    this.#ends = ends;
  }

  /** Bytes. */
  get weight(): number {
    return this.#rows.length * 8 + this.#ends.size * 64;
  }

  #place(row: number): number {
    return this.#rows.at(row * ROW + 1);
  }

  /** First and last row of each sequence, one pair after the other, those that begin at the lowest addresses first. The last row only ends it. */
  sequences(): readonly number[] {
    const firsts = [...this.#ends.keys()].sort((a, b) => this.address(a) - this.address(b) || a - b);
    return firsts.flatMap((first) => [first, this.#ends.get(first)!]);
  }

  address(row: number): number {
    return this.#rows.at(row * ROW);
  }

  file(row: number): number {
    return Math.floor(this.#place(row) / LINES);
  }

  line(row: number): number {
    const place = this.#place(row);
    return place - Math.floor(place / LINES) * LINES;
  }

  /** The last row at or before an address, in the sequence that covers it. */
  find(address: number): LineRow | undefined {
    const first = this.#sequences.find(address);
    if (first === undefined) return undefined;
    const row = upperBoundOf((i) => this.address(i), address, first, this.#ends.get(first)!) - 1;
    if (row < first) return undefined;
    const place = this.#place(row);
    let start = row;
    while (start > first && this.#place(start - 1) === place) start--;
    return { file: Math.floor(place / LINES), line: place % LINES, start: this.address(start) };
  }
}

/** Runs the program to its end, or to where it is broken: rows until there are good. */
export function runLineProgram(reader: ByteReader, program: LineProgram): LineRows {
  const machine = new LineMachine(program);
  try {
    while (reader.left > 0) machine.step(reader);
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
  }
  return machine.rows();
}

class LineMachine {
  readonly #program: LineProgram;
  readonly #rows = new NumberList();
  /** First row and end row of each. */
  readonly #sequences: number[] = [];
  #first = 0;
  #address = 0;
  #operation = 0;
  #file = 1;
  #line = 1;

  constructor(program: LineProgram) {
    this.#program = program;
  }

  rows(): LineRows {
    return new LineRows(this.#rows, this.#sequences);
  }

  get #count(): number {
    return this.#rows.length / ROW;
  }

  #append(): void {
    if (this.#count >= MAX_ROWS) throw broken('.debug_line', `at most ${MAX_ROWS} rows`, 'more');
    this.#rows.push(this.#address);
    // No file has 2^32 lines, no program 2^21 files.
    this.#rows.push((this.#file % 2 ** 21) * LINES + (Math.max(this.#line, 0) % LINES));
  }

  #advance(operations: number): void {
    const { operations: most, minimumInstruction } = this.#program;
    if (most === 1) this.#address += operations * minimumInstruction;
    else {
      const sum = this.#operation + operations;
      this.#address += minimumInstruction * Math.floor(sum / most);
      this.#operation = sum % most;
    }
  }

  #endSequence(): void {
    this.#append();
    this.#sequences.push(this.#first, this.#count - 1);
    this.#first = this.#count;
    this.#address = 0;
    this.#operation = 0;
    this.#file = 1;
    this.#line = 1;
  }

  #special(opcode: number, reader: ByteReader): number {
    const { opcodeBase, lineRange } = this.#program;
    if (lineRange === 0) throw reader.broken('a line range');
    const adjusted = opcode - opcodeBase;
    this.#advance(Math.floor(adjusted / lineRange));
    return adjusted % lineRange;
  }

  step(reader: ByteReader): void {
    const { opcodeBase, lineBase, operandCounts } = this.#program;
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      this.#line += lineBase + this.#special(opcode, reader);
      this.#append();
      return;
    }
    switch (opcode) {
      case 0:
        this.#extended(reader);
        return;
      case 1: // DW_LNS_copy
        this.#append();
        return;
      case 2: // DW_LNS_advance_pc
        this.#advance(reader.uleb());
        return;
      case 3: // DW_LNS_advance_line
        this.#line += reader.sleb();
        return;
      case 4: // DW_LNS_set_file
        this.#file = reader.uleb();
        return;
      case 5: // DW_LNS_set_column
      case 12: // DW_LNS_set_isa
        reader.skipLeb();
        return;
      case 6: // DW_LNS_negate_stmt
      case 7: // DW_LNS_set_basic_block
      case 10: // DW_LNS_set_prologue_end
      case 11: // DW_LNS_set_epilogue_begin
        return;
      case 8: // DW_LNS_const_add_pc
        this.#special(255, reader);
        return;
      case 9: // DW_LNS_fixed_advance_pc
        this.#address += reader.u16();
        this.#operation = 0;
        return;
      default:
        for (let i = operandCounts[opcode - 1] ?? 0; i > 0; i--) reader.skipLeb();
    }
  }

  #extended(reader: ByteReader): void {
    const length = reader.uleb();
    if (length === 0) return;
    const end = reader.position + length;
    const opcode = reader.u8();
    if (opcode === 1)
      this.#endSequence(); // DW_LNE_end_sequence
    else if (opcode === 2) {
      // DW_LNE_set_address; its length tells the size, whatever the header says
      this.#address = reader.unsigned(length - 1);
      this.#operation = 0;
    } else if (opcode === 3) {
      // DW_LNE_define_file
      const name = reader.string();
      this.#program.addFile(name, reader.uleb());
    }
    // DW_LNE_set_discriminator and those of vendors say nothing of lines.
    if (end > reader.end) throw reader.broken('an end of the instruction');
    reader.position = end;
  }
}
