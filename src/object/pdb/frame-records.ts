import type { Task } from '../../io/index.js';
import type { WindowsFrame } from '../debug-information.js';
import { Intervals } from '../dwarf/intervals.js';
import { NumberList } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { eachRow } from './pieces.js';
import type { PdbStrings } from './string-table.js';

const FRAME_DATA_SIZE = 32;
const FPO_SIZE = 16;
const FPO_FRAME = 0;
/** Numbers of a record; `program` is an offset in /names. */
const COLUMN = {
  start: 0,
  size: 1,
  prologSize: 2,
  parameterSize: 3,
  savedRegisterSize: 4,
  localSize: 5,
  maxStackSize: 6,
  program: 7,
  usesEbp: 8,
};
const WIDTH = 9;

/**
 * How frames of x86 are unwound: frame data (FRAMEDATA, with programs) or FPO_DATA of winnt.h. Addresses are RVAs of the image as it was
 * linked.
 */
export class FrameRecords {
  readonly #numbers: Uint32Array;
  readonly #ranges: Intervals;
  readonly #hasPrograms: boolean;

  private constructor(numbers: Uint32Array, hasPrograms: boolean) {
    this.#numbers = numbers;
    this.#hasPrograms = hasPrograms;
    const triples = new NumberList();
    for (let i = 0; i < numbers.length; i += WIDTH) {
      triples.push(numbers[i]!);
      triples.push(numbers[i]! + numbers[i + 1]!);
      triples.push(i / WIDTH);
    }
    this.#ranges = new Intervals(triples);
  }

  static *frameData(data: SectionData): Task<FrameRecords> {
    const numbers = new Uint32Array(Math.floor(data.size / FRAME_DATA_SIZE) * WIDTH);
    yield* eachRow(data, 0, FRAME_DATA_SIZE, (view, at, index) => {
      const row = index * WIDTH;
      const u32 = (offset: number) => view.getUint32(at + offset, true);
      const u16 = (offset: number) => view.getUint16(at + offset, true);
      numbers.set([u32(0), u32(4), u16(24), u32(12), u16(26), u32(8), u32(16), u32(20), 0], row);
    });
    return new FrameRecords(numbers, true);
  }

  static *fpo(data: SectionData): Task<FrameRecords> {
    const numbers = new Uint32Array(Math.floor(data.size / FPO_SIZE) * WIDTH);
    yield* eachRow(data, 0, FPO_SIZE, (view, at, index) => {
      const bits = view.getUint16(at + 14, true);
      // Of the other kinds (trap, TSS, without FPO) nobody writes records that say how to unwind them.
      if (bits >>> 14 !== FPO_FRAME) return;
      const words = (offset: number) => view.getUint32(at + offset, true) * 4;
      const saved = ((bits >>> 8) & 7) * 4;
      const usesEbp = (bits >>> 12) & 1;
      numbers.set(
        [
          view.getUint32(at, true),
          view.getUint32(at + 4, true),
          bits & 0xff,
          view.getUint16(at + 12, true) * 4,
          saved,
          words(8),
          0,
          0,
          usesEbp,
        ],
        index * WIDTH,
      );
    });
    return new FrameRecords(numbers, false);
  }

  get count(): number {
    return this.#numbers.length / WIDTH;
  }

  /** The number of the innermost record that covers an RVA. */
  find(rva: number): number | undefined {
    return this.#ranges.find(rva);
  }

  /** Bytes of parameters, as the innermost record that covers an RVA has it. */
  parameterSizeAt(rva: number): number | undefined {
    const index = this.find(rva);
    return index === undefined ? undefined : this.#number(index, COLUMN.parameterSize);
  }

  #number(index: number, column: number): number {
    return this.#numbers[index * WIDTH + column]!;
  }

  /** Undefined for a row that is none. */
  *frame(index: number, strings: PdbStrings | undefined): Task<WindowsFrame | undefined> {
    const number = (column: keyof typeof COLUMN) => this.#number(index, COLUMN[column]);
    if (number('size') === 0) return undefined;
    const program = this.#hasPrograms && strings ? yield* strings.text(number('program')) : undefined;
    if (this.#hasPrograms && program === undefined) return undefined;
    return {
      start: number('start'),
      size: number('size'),
      prologSize: number('prologSize'),
      epilogSize: 0,
      parameterSize: number('parameterSize'),
      savedRegisterSize: number('savedRegisterSize'),
      localSize: number('localSize'),
      maxStackSize: number('maxStackSize'),
      program,
      allocatesBasePointer: number('usesEbp') !== 0,
    };
  }
}

/** Bytes of parameters, as the first of several tables that covers an RVA has it. */
export function parameterSizeAt(tables: readonly FrameRecords[], rva: number): number | undefined {
  for (const records of tables) {
    const size = records.parameterSizeAt(rva);
    if (size !== undefined) return size;
  }
  return undefined;
}
