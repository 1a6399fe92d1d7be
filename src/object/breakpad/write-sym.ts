import type { Sink, Task } from '../../io/index.js';
import type { WindowsFrame } from '../debug-information.js';
import { demangle } from '../demangle/index.js';
import { orderBy } from '../number-list.js';
import type { ListsSymbols } from '../symbol-listing.js';
import type { PackedReader } from './packed-numbers.js';
import type { SymIdentity } from './sym-identity.js';
import { EXTERN, FRAME, FUNC, SymRecords } from './sym-records.js';
import { SymText } from './sym-text.js';

export type { SymIdentity } from './sym-identity.js';

export interface WriteSymOptions {
  /** Mark functions and symbols with `m` that share their address with others of another name (dump_syms -m). */
  readonly multiple?: boolean;
}

/** What a .sym file has. */
export interface SymSummary {
  readonly functions: number;
  readonly lines: number;
  readonly publics: number;
  /** STACK CFI and STACK WIN records. */
  readonly frames: number;
  readonly bytes: number;
}

/**
 * Writes a Breakpad symbol file as dump_syms does: names readable, files and inlined functions in the order of their names, functions
 * and symbols in that of their addresses, and no symbol where a function begins. The sink is not closed.
 */
export function* writeSym(
  identity: SymIdentity,
  lister: ListsSymbols,
  sink: Sink,
  options: WriteSymOptions = {},
): Task<SymSummary> {
  const records = new SymRecords();
  yield* lister.list(records);
  records.end();
  return yield* new SymWriter(records, new SymText(sink), options).write(identity);
}

class SymWriter {
  readonly #records: SymRecords;
  readonly #text: SymText;
  readonly #multiple: boolean;
  /** Numbers in the file, by those of the records. */
  #fileNumbers = new Uint32Array();
  #originNumbers = new Uint32Array();
  #functions = 0;
  #lines = 0;
  #publics = 0;

  constructor(records: SymRecords, text: SymText, { multiple = false }: WriteSymOptions) {
    this.#records = records;
    this.#text = text;
    this.#multiple = multiple;
  }

  *write({ os, cpu, debugIdentifier, codeIdentifier, codeFile, name }: SymIdentity): Task<SymSummary> {
    const text = this.#text;
    yield* text.text(`MODULE ${os} ${cpu} ${debugIdentifier} `);
    yield* text.lastName(name);
    if (codeIdentifier !== undefined) {
      yield* text.text('INFO CODE_ID ');
      yield* text.lastName(codeFile === undefined ? codeIdentifier : `${codeIdentifier} ${codeFile}`);
    }
    yield* this.#writeFiles();
    yield* this.#writeOrigins();
    const starts = yield* this.#writeFunctions();
    yield* this.#writePublics(starts);
    yield* this.#writeFrames();
    for (const frame of this.#records.windowsFrames) yield* this.#writeWindowsFrame(frame);
    yield* text.flush();
    return {
      functions: this.#functions,
      lines: this.#lines,
      publics: this.#publics,
      frames: this.#records.frames.length / FRAME.width + this.#records.windowsFrames.length,
      bytes: text.size,
    };
  }

  /** Those that are spoken of, numbered in the order of their names. */
  *#writeFiles(): Task<void> {
    const { files, fileIsUsed } = this.#records;
    const used = files.list.flatMap((_, i) => (fileIsUsed[i] ? [i] : []));
    used.sort((a, b) => compare(files.list[a]!, files.list[b]!));
    this.#fileNumbers = new Uint32Array(files.list.length);
    for (let number = 0; number < used.length; number++) {
      this.#fileNumbers[used[number]!] = number;
      yield* this.#text.text(`FILE ${number} `);
      yield* this.#text.lastName(files.list[used[number]!]!);
    }
  }

  *#writeOrigins(): Task<void> {
    const names = this.#records.origins.list.map((name) => demangle(name));
    const order = names.map((_, i) => i).sort((a, b) => compare(names[a]!, names[b]!));
    this.#originNumbers = new Uint32Array(names.length);
    let number = -1;
    let last: string | undefined;
    for (const i of order) {
      const name = names[i]!;
      if (name !== last) {
        yield* this.#text.text(`INLINE_ORIGIN ${++number} `);
        yield* this.#text.lastName(name);
        last = name;
      }
      this.#originNumbers[i] = number;
    }
  }

  /** Gives where they begin, in ascending order. */
  *#writeFunctions(): Task<Float64Array> {
    const { functions, functionNames, publics } = this.#records;
    const { lines, inlines } = this.#records;
    const count = functionNames.length;
    const startOf = (i: number) => functions.at(i * FUNC.width + FUNC.start);
    const order = orderBy(count, startOf);
    const starts = Float64Array.from(order, startOf);
    const shared = this.#multiple ? this.#publicNamesAt(publics.length / EXTERN.width) : undefined;
    const lineReader = lines.reader();
    const inlineReader = inlines.reader();
    for (let from = 0; from < count; ) {
      let to = from + 1;
      while (to < count && starts[to] === starts[from]) to++;
      // Functions that were folded into one; the same function in several units is written once.
      const named = new Map<string, number>();
      for (let i = from; i < to; i++) {
        const name = demangle(functionNames[order[i]!]!) || '<name omitted>';
        if (!named.has(name)) named.set(name, order[i]!);
      }
      const names = named.size > 1 ? [...named.keys()].sort(compare) : named.keys();
      const others = shared?.get(starts[from]!);
      for (const name of names) {
        const isMultiple =
          shared !== undefined && (named.size > 1 || (others !== undefined && others !== name));
        yield* this.#writeFunction(named.get(name)!, name, isMultiple, lineReader, inlineReader);
      }
      from = to;
    }
    return starts;
  }

  /** By address: the name there, or `` where there are several. */
  #publicNamesAt(count: number): Map<number, string> {
    const { publics, publicNames } = this.#records;
    const names = new Map<number, string>();
    for (let i = 0; i < count; i++) {
      const start = publics.at(i * EXTERN.width + EXTERN.start);
      const name = demangle(publicNames[i]!);
      names.set(start, (names.get(start) ?? name) === name ? name : '');
    }
    return names;
  }

  *#writeFunction(
    index: number,
    name: string,
    isMultiple: boolean,
    lines: PackedReader,
    inlines: PackedReader,
  ): Task<void> {
    const text = this.#text;
    const { functions } = this.#records;
    const column = (which: number) => functions.at(index * FUNC.width + which);
    this.#functions++;
    yield* text.text(isMultiple ? 'FUNC m ' : 'FUNC ');
    if (text.isFull) yield* text.flush();
    text.hex(column(FUNC.start));
    text.hex(column(FUNC.size));
    text.hex(column(FUNC.parameterSize));
    yield* text.lastName(name);

    inlines.seek(column(FUNC.inlines));
    for (let left = column(FUNC.inlineCount); left > 0; left--) yield* this.#writeInline(inlines);

    lines.seek(column(FUNC.lines));
    let start = column(FUNC.start);
    let line = 0;
    const lineCount = column(FUNC.lineCount);
    this.#lines += lineCount;
    for (let left = lineCount; left > 0; left--) {
      start += lines.nextSigned();
      const size = lines.next();
      line += lines.nextSigned();
      if (text.isFull) yield* text.flush();
      text.hex(start);
      text.hex(size);
      text.decimal(line);
      text.decimal(this.#fileNumbers[lines.next()]!);
      text.endNumbers();
      start += size;
    }
  }

  *#writeInline(inlines: PackedReader): Task<void> {
    const text = this.#text;
    yield* text.text('INLINE ');
    if (text.isFull) yield* text.flush();
    text.decimal(inlines.next());
    text.decimal(inlines.next());
    text.decimal(this.#fileNumbers[inlines.next()]!);
    text.decimal(this.#originNumbers[inlines.next()]!);
    for (let left = inlines.next(); left > 0; left--) {
      if (text.isFull) yield* text.flush();
      text.hex(inlines.next());
      text.hex(inlines.next());
    }
    text.endNumbers();
  }

  /** Of several at one address the first that was told, and none where a function begins. */
  *#writePublics(functions: Float64Array): Task<void> {
    const text = this.#text;
    const { publics, publicNames } = this.#records;
    const startOf = (i: number) => publics.at(i * EXTERN.width + EXTERN.start);
    const order = orderBy(publicNames.length, startOf);
    let at = 0;
    let last = -1;
    for (let k = 0; k < order.length; k++) {
      const i = order[k]!;
      const start = startOf(i);
      while (at < functions.length && functions[at]! < start) at++;
      if (start === last || functions[at] === start) continue;
      last = start;
      this.#publics++;
      const isMultiple = this.#multiple && k + 1 < order.length && startOf(order[k + 1]!) === start;
      yield* text.text(isMultiple ? 'PUBLIC m ' : 'PUBLIC ');
      if (text.isFull) yield* text.flush();
      text.hex(start);
      text.hex(publics.at(i * EXTERN.width + EXTERN.parameterSize));
      yield* text.lastName(demangle(publicNames[i]!));
    }
  }

  *#writeFrames(): Task<void> {
    const text = this.#text;
    const { frames, rules } = this.#records;
    for (let at = 0; at < frames.length; at += FRAME.width) {
      const size = frames.at(at + FRAME.size);
      yield* text.text(size > 0 ? 'STACK CFI INIT ' : 'STACK CFI ');
      if (text.isFull) yield* text.flush();
      text.hex(frames.at(at + FRAME.start));
      if (size > 0) text.hex(size);
      yield* text.lastName(rules.list[frames.at(at + FRAME.rules)]!);
    }
  }

  *#writeWindowsFrame(frame: WindowsFrame): Task<void> {
    const hasProgram = frame.program !== undefined;
    const numbers = [
      hasProgram ? 4 : 0,
      frame.start,
      frame.size,
      frame.prologSize,
      frame.epilogSize,
      frame.parameterSize,
      frame.savedRegisterSize,
      frame.localSize,
      frame.maxStackSize,
      hasProgram ? 1 : 0,
    ];
    yield* this.#text.text(`STACK WIN ${numbers.map((number) => number.toString(16)).join(' ')} `);
    yield* this.#text.lastName(frame.program ?? (frame.allocatesBasePointer ? '1' : '0'));
  }
}

/** By UTF-16 units, which for all but the strangest names is the order of their bytes. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
