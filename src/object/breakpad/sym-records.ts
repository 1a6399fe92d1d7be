import type { WindowsFrame } from '../debug-information.js';
import { NumberList } from '../number-list.js';
import type { SymbolListener } from '../symbol-listing.js';
import { PackedNumbers } from './packed-numbers.js';

/** Texts by number, each once. */
class Texts {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.list.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

/** Columns of FUNC records. */
export const FUNC = {
  start: 0,
  size: 1,
  parameterSize: 2,
  lines: 3,
  lineCount: 4,
  inlines: 5,
  inlineCount: 6,
  width: 7,
};
/** Columns of STACK CFI records; of those that follow an INIT the size is 0. */
export const FRAME = { start: 0, size: 1, rules: 2, width: 3 };
/** Columns of PUBLIC records. */
export const EXTERN = { start: 0, parameterSize: 1, width: 2 };

/**
 * Keeps what it is told until it can be written: a .sym file begins with the names of the files that its lines speak of, and has its
 * functions in order. A line takes 4 or 5 bytes.
 */
export class SymRecords implements SymbolListener {
  readonly files = new Texts();
  readonly origins = new Texts();
  readonly rules = new Texts();
  readonly functions = new NumberList();
  readonly functionNames: string[] = [];
  readonly lines = new PackedNumbers();
  readonly inlines = new PackedNumbers();
  readonly publics = new NumberList();
  readonly publicNames: string[] = [];
  readonly frames = new NumberList();
  readonly windowsFrames: WindowsFrame[] = [];
  lineCount = 0;
  /** Whether a line or a call speaks of the file. */
  readonly fileIsUsed: boolean[] = [];
  /** Of the last function: whether what follows belongs to it, where the last line ends, its number. */
  #inFunction = false;
  #inFrame = false;
  #lineStart = 0;
  #line = 0;
  #counts = 0;
  #lines = 0;
  #inlines = 0;

  file(name: string): number {
    return this.files.number(name);
  }

  origin(name: string): number {
    return this.origins.number(name);
  }

  function(start: number, size: number, parameterSize: number, name: string): void {
    this.#endFunction();
    this.#inFunction = isRange(start, size);
    if (!this.#inFunction) return;
    const { functions } = this;
    functions.push(start);
    functions.push(size);
    functions.push(isCount(parameterSize) ? parameterSize : 0);
    functions.push(this.lines.place);
    this.#counts = functions.length;
    functions.push(0);
    functions.push(this.inlines.place);
    functions.push(0);
    this.functionNames.push(name);
    this.#lineStart = start;
    this.#line = 0;
  }

  #endFunction(): void {
    if (!this.#inFunction) return;
    this.functions.set(this.#counts, this.#lines);
    this.functions.set(this.#counts + 2, this.#inlines);
    this.#lines = 0;
    this.#inlines = 0;
    this.#inFunction = false;
  }

  line(start: number, size: number, line: number, file: number): void {
    if (!this.#inFunction || !isRange(start, size) || !isCount(line)) return;
    const { lines } = this;
    lines.pushSigned(start - this.#lineStart);
    lines.push(size);
    lines.pushSigned(line - this.#line);
    lines.push(file);
    this.#lineStart = start + size;
    this.#line = line;
    this.fileIsUsed[file] = true;
    this.#lines++;
    this.lineCount++;
  }

  inline(depth: number, callLine: number, callFile: number, origin: number, ranges: ArrayLike<number>): void {
    if (!this.#inFunction || !isCount(callLine)) return;
    const { inlines } = this;
    let count = 0;
    for (let i = 0; i + 1 < ranges.length; i += 2) if (isRange(ranges[i]!, ranges[i + 1]!)) count++;
    if (count === 0) return;
    inlines.push(depth);
    inlines.push(callLine);
    inlines.push(callFile);
    inlines.push(origin);
    inlines.push(count);
    for (let i = 0; i + 1 < ranges.length; i += 2) {
      if (!isRange(ranges[i]!, ranges[i + 1]!)) continue;
      inlines.push(ranges[i]!);
      inlines.push(ranges[i + 1]!);
    }
    this.fileIsUsed[callFile] = true;
    this.#inlines++;
  }

  publicSymbol(start: number, parameterSize: number, name: string): void {
    if (!isCount(start) || name === '') return;
    this.publics.push(start);
    this.publics.push(isCount(parameterSize) ? parameterSize : 0);
    this.publicNames.push(name);
  }

  cfi(start: number, size: number, rules: string): void {
    this.#inFrame = false;
    this.#frame(start, size, rules, isRange(start, size));
  }

  cfiDelta(start: number, rules: string): void {
    this.#frame(start, 0, rules, isCount(start));
  }

  #frame(start: number, size: number, rules: string, isUsable: boolean): void {
    // What follows a record that is left out would belong to the one before.
    if (size > 0) this.#inFrame = isUsable;
    if (!isUsable || !this.#inFrame) return;
    this.frames.push(start);
    this.frames.push(size);
    this.frames.push(this.rules.number(rules));
  }

  windowsFrame(frame: WindowsFrame): void {
    if (isRange(frame.start, frame.size)) this.windowsFrames.push(frame);
  }

  /** All has been told. */
  end(): void {
    this.#endFunction();
  }
}

const LIMIT = 2 ** 52;

function isCount(value: number): boolean {
  return value >= 0 && value < LIMIT;
}

function isRange(start: number, size: number): boolean {
  return start >= 0 && size > 0 && start + size < LIMIT;
}
