import type { Source, Task } from '../../io/index.js';
import type { CfiRow } from '../cfi.js';
import type { DebugInformation, FunctionAt, InlinedCall, WindowsFrame } from '../debug-information.js';
import { BlockCache, type BlockStore } from './block-cache.js';
import { MAX_DELTAS, MAX_RULE_BYTES } from './cfi-records.js';
import { type CfiMachine, compileCfi, machineOf } from './compile-cfi.js';
import { MAX_INLINE_DEPTH } from './function-records.js';
import {
  checksumOf,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  ROW_SIZES,
  SECTIONS,
  type SectionName,
  VERSION,
} from './index-layout.js';
import { malformedIndex, type Row, Section } from './index-section.js';
import { BLOCK, type FoundRow, findRow, maxBlockBytes } from './row-blocks.js';
import {
  CFI,
  CFI_DELTA,
  FUNCTION,
  HEAD_TEXTS,
  type HeadText,
  INLINE_VALUES,
  LINE_VALUES,
  MAX_BROKEN_LINES,
  NAMED,
  PUBLIC,
  WINDOWS,
} from './tables.js';
import { MAX_VARINT, VarintReader } from './varint.js';

/** Rules that were compiled are kept for so many addresses. */
const MAX_CFI_ROWS = 512;
/** Texts are kept too, up to so many characters. */
const MAX_TEXT_LENGTH = 1 << 21;

/** What the MODULE record says. */
export interface SymModule {
  readonly os: string;
  readonly cpu: string;
  /** The debug id: 32 hexadecimal digits and the age. */
  readonly id: string;
  /** The debug file; undefined where it is missing. */
  readonly name: string | undefined;
}

export interface SymIndexOptions {
  /** Of the dump; else it is told from the CPU of the MODULE record. */
  readonly pointerSize?: 4 | 8;
  /** Keeps what was read, for several indexes together; one of its own if it is not given. */
  readonly blocks?: BlockStore;
}

/** A .sym file that is looked up. See index-layout.ts for what is in the bytes. */
export class SymIndex implements DebugInformation {
  readonly #sections: Readonly<Record<SectionName, Section>>;
  readonly #head: Readonly<Record<HeadText, string>>;
  readonly #machine: CfiMachine;
  /** By the INIT record and how many deltas apply. */
  readonly #cfiRows = new Map<string, CfiRow | undefined>();
  /** By their offset. */
  readonly #texts = new Map<number, string>();
  #textLength = 0;
  /** Bytes of the .sym file. */
  readonly sourceSize: number;
  /** Lines of it that could not be read. */
  readonly brokenLines: number;
  /** INLINE records of it that could not be read. They do not count as broken lines. */
  readonly brokenInlines: number;

  private constructor(
    sections: Readonly<Record<SectionName, Section>>,
    head: Readonly<Record<HeadText, string>>,
    header: DataView,
    options: SymIndexOptions,
  ) {
    this.#sections = sections;
    this.#head = head;
    this.sourceSize =
      header.getUint32(HEADER.sourceSizeLow, true) +
      header.getUint32(HEADER.sourceSizeHigh, true) * 0x1_0000_0000;
    this.brokenLines = header.getUint32(HEADER.brokenLines, true);
    this.brokenInlines = header.getUint32(HEADER.brokenInlines, true);
    this.#machine = machineOf(head.cpu, options.pointerSize);
  }

  /**
   * Opens an index that `writeSymIndex` made. Reads its header; lookups read what they need. Fails with `malformed` if it is
   * none, of another version, cut off or broken; lookups do too, where they come upon what is broken.
   */
  static *open(source: Source, options: SymIndexOptions = {}): Task<SymIndex> {
    if (source.size < HEADER_SIZE)
      throw malformedIndex(`${HEADER_SIZE} bytes or more`, `${source.size} bytes`);
    const cache = new BlockCache(source, options.blocks);
    const header = yield* cache.read(0, HEADER_SIZE);
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
    if (!MAGIC.every((byte, i) => header[i] === byte)) throw malformedIndex('"MDMPSYM"', 'other bytes');
    const version = view.getUint32(HEADER.version, true);
    if (version !== VERSION) throw malformedIndex(`version ${VERSION}`, `version ${version}`);
    if (view.getUint32(HEADER.checksum, true) !== checksumOf(header)) {
      throw malformedIndex('a header with its checksum', 'another checksum');
    }
    const size = view.getUint32(HEADER.size, true);
    if (size !== source.size) throw malformedIndex(`${size} bytes`, `${source.size} bytes`);
    const sections = Object.fromEntries(
      SECTIONS.map((name, i) => [name, sectionAt(name, view, HEADER.sections + i * 8, cache)]),
    ) as Record<SectionName, Section>;
    const head = {} as Record<HeadText, string>;
    for (const [i, name] of HEAD_TEXTS.entries()) {
      head[name] = yield* textAt(sections.strings, view.getUint32(HEADER.texts + i * 4, true));
    }
    return new SymIndex(sections, head, view, options);
  }

  /** Undefined where the file has no MODULE record. */
  get module(): SymModule | undefined {
    const { os, cpu, id, name } = this.#head;
    return id === '' ? undefined : { os, cpu, id, name: name || undefined };
  }

  /** INFO CODE_ID: the id of the code file, and its name on Windows. */
  get codeId(): string | undefined {
    return this.#head.codeId || undefined;
  }

  get codeFile(): string | undefined {
    return this.#head.codeFile || undefined;
  }

  /** INFO URL: where the file was fetched from. rust-minidump appends it to what it caches. */
  get url(): string | undefined {
    return this.#head.url || undefined;
  }

  /** More than 100 lines could not be read. What could be is there. */
  get corrupt(): boolean {
    return this.brokenLines > MAX_BROKEN_LINES;
  }

  /**
   * The FUNC that covers an address; else the PUBLIC before it, if no FUNC begins between. (A PUBLIC has no size: beyond a
   * function it would be a guess.)
   */
  *functionAt(rva: number): Task<FunctionAt | undefined> {
    const { functions, publics } = this.#sections;
    const last = yield* functions.last(0, functions.length, (row) => startOf(row) > rva);
    let functionStart = -1;
    if (last >= 0) {
      const row = yield* functions.row(last);
      functionStart = startOf(row);
      if (rva < functionStart + row.get(FUNCTION.size)) return yield* this.#function(row, rva);
    }
    const symbol = yield* publics.last(0, publics.length, (row) => startOf(row) > rva);
    if (symbol < 0) return undefined;
    const row = yield* publics.row(symbol);
    const start = startOf(row);
    if (functionStart >= start) return undefined;
    return {
      name: yield* this.#text(row.get(PUBLIC.name)),
      start,
      lineStart: undefined,
      parameterSize: row.get(PUBLIC.parameterSize),
      file: undefined,
      line: undefined,
      inlines: [],
    };
  }

  *#function(row: Row, rva: number): Task<FunctionAt> {
    const start = startOf(row);
    const offset = rva - start;
    const { frameData, fpo } = this.#sections;
    const frame = frameData.length + fpo.length === 0 ? undefined : yield* this.windowsFrameAt(rva);
    // Each call says where it was made, so the place inside it is told by the next one, and for the innermost by the line.
    let place = yield* this.#inlineAt(row, 0, offset);
    const outermost = place ?? (yield* this.#lineAt(row, offset));
    const inlines: InlinedCall[] = [];
    for (let depth = 1; place !== undefined && depth <= MAX_INLINE_DEPTH; depth++) {
      const inner = yield* this.#inlineAt(row, depth, offset);
      const within = inner ?? (yield* this.#lineAt(row, offset));
      const name = yield* this.#named(this.#sections.origins, place.origin);
      // One whose INLINE_ORIGIN is missing is left out, as by rust-minidump; Breakpad prints "<name omitted>".
      if (name !== undefined) inlines.unshift({ name, ...(yield* this.#sourceLine(within)) });
      place = inner;
    }
    return {
      name: yield* this.#text(row.get(FUNCTION.name)),
      start,
      lineStart: outermost && start + outermost.start,
      parameterSize: frame?.parameterSize ?? row.get(FUNCTION.parameterSize),
      ...(yield* this.#sourceLine(outermost)),
      inlines,
    };
  }

  *#sourceLine(place: Place | undefined): Task<{ file: string | undefined; line: number | undefined }> {
    if (place === undefined) return { file: undefined, line: undefined };
    const file = place.file < 0 ? undefined : yield* this.#named(this.#sections.files, place.file);
    return { file, line: place.line || undefined };
  }

  *#lineAt(row: Row, offset: number): Task<Place | undefined> {
    const { lineBlocks, lineRows } = this.#sections;
    const first = row.get(FUNCTION.firstLineBlock);
    const found = yield* findIn(
      lineBlocks,
      lineRows,
      first,
      row.get(FUNCTION.lineBlocks),
      0,
      offset,
      LINE_VALUES.count,
    );
    if (found === undefined) return undefined;
    const { start, values } = found;
    return { start, line: values[LINE_VALUES.line]!, file: values[LINE_VALUES.file]!, origin: -1 };
  }

  *#inlineAt(row: Row, depth: number, offset: number): Task<Place | undefined> {
    const { inlineBlocks, inlineRows } = this.#sections;
    const first = row.get(FUNCTION.firstInlineBlock);
    const count = row.get(FUNCTION.inlineBlocks);
    const found = yield* findIn(inlineBlocks, inlineRows, first, count, depth, offset, INLINE_VALUES.count);
    if (found === undefined) return undefined;
    const { start, values } = found;
    return {
      start,
      line: values[INLINE_VALUES.line]!,
      file: values[INLINE_VALUES.file]! - 1,
      origin: values[INLINE_VALUES.origin]!,
    };
  }

  *cfiAt(rva: number): Task<CfiRow | undefined> {
    const texts = yield* this.#cfiTextsAt(rva);
    if (texts === undefined) return undefined;
    const key = texts.join(' ');
    if (this.#cfiRows.has(key)) return this.#cfiRows.get(key);
    const row = compileCfi(yield* this.#rules(texts), this.#machine);
    if (this.#cfiRows.size >= MAX_CFI_ROWS) this.#cfiRows.clear();
    this.#cfiRows.set(key, row);
    return row;
  }

  /** The rules of the STACK CFI records that hold at an address: of the INIT record, then of its deltas, as they are written. */
  *cfiRulesAt(rva: number): Task<string[] | undefined> {
    const texts = yield* this.#cfiTextsAt(rva);
    return texts && (yield* this.#rules(texts));
  }

  *#rules(texts: readonly number[]): Task<string[]> {
    const rules: string[] = [];
    let length = 0;
    for (const offset of texts) {
      const text = yield* this.#text(offset);
      length += text.length;
      if (length > MAX_RULE_BYTES) throw malformedIndex(`rules of up to ${MAX_RULE_BYTES} bytes`, 'more');
      rules.push(text);
    }
    return rules;
  }

  *#cfiTextsAt(rva: number): Task<number[] | undefined> {
    const { cfi, cfiDeltas } = this.#sections;
    const found = yield* cfi.last(0, cfi.length, (row) => startOf(row) > rva);
    if (found < 0) return undefined;
    const row = yield* cfi.row(found);
    const offset = rva - startOf(row);
    if (offset >= row.get(CFI.size)) return undefined;
    const first = row.get(CFI.firstDelta);
    const count = row.get(CFI.deltas);
    if (first + count > cfiDeltas.length || count > MAX_DELTAS) {
      throw malformedIndex('deltas that are there', `${count} from ${first} on`);
    }
    const end = yield* cfiDeltas.last(first, first + count, (delta) => delta.get(CFI_DELTA.offset) > offset);
    const texts = [row.get(CFI.rules)];
    if (end >= first) {
      const view = yield* cfiDeltas.rows(first, end + 1 - first);
      for (let at = 0; at < view.byteLength; at += CFI_DELTA.width * 4) {
        texts.push(view.getUint32(at + CFI_DELTA.rules * 4, true));
      }
    }
    return texts;
  }

  *windowsFrameAt(rva: number): Task<WindowsFrame | undefined> {
    const { frameData, fpo } = this.#sections;
    return (yield* this.#windowsFrame(frameData, rva, true)) ?? (yield* this.#windowsFrame(fpo, rva, false));
  }

  *#windowsFrame(section: Section, rva: number, hasProgram: boolean): Task<WindowsFrame | undefined> {
    if (section.length === 0) return undefined;
    const found = yield* section.last(0, section.length, (row) => row.get(WINDOWS.start) > rva);
    if (found < 0) return undefined;
    const row = yield* section.row(found);
    const start = row.get(WINDOWS.start);
    const size = row.get(WINDOWS.size);
    if (rva >= start + size) return undefined;
    return {
      start,
      size,
      prologSize: row.get(WINDOWS.prologSize),
      epilogSize: row.get(WINDOWS.epilogSize),
      parameterSize: row.get(WINDOWS.parameterSize),
      savedRegisterSize: row.get(WINDOWS.savedRegisterSize),
      localSize: row.get(WINDOWS.localSize),
      maxStackSize: row.get(WINDOWS.maxStackSize),
      program: hasProgram ? yield* this.#text(row.get(WINDOWS.program)) : undefined,
      allocatesBasePointer: row.get(WINDOWS.allocatesBasePointer) !== 0,
    };
  }

  *#text(offset: number): Task<string> {
    const known = this.#texts.get(offset);
    if (known !== undefined) return known;
    const text = yield* textAt(this.#sections.strings, offset);
    this.#textLength += text.length + 1;
    if (this.#textLength > MAX_TEXT_LENGTH) {
      this.#texts.clear();
      this.#textLength = text.length + 1;
    }
    this.#texts.set(offset, text);
    return text;
  }

  /** The name of a FILE or INLINE_ORIGIN record. */
  *#named(section: Section, id: number): Task<string | undefined> {
    const found = yield* section.last(0, section.length, (row) => row.get(NAMED.id) > id);
    if (found < 0) return undefined;
    const row = yield* section.row(found);
    return row.get(NAMED.id) === id ? yield* this.#text(row.get(NAMED.name)) : undefined;
  }
}

/** A place in the source of a function; the call that was inlined there, if it is of an INLINE record. */
interface Place {
  /** From the start of the function. */
  start: number;
  line: number;
  /** -1 where it is not known. */
  file: number;
  origin: number;
}

function startOf(row: Row): number {
  // `low` and `high` are the first columns of all rows that have a wide address.
  return row.wide(FUNCTION.low, FUNCTION.high);
}

function sectionAt(name: SectionName, header: DataView, at: number, cache: BlockCache): Section {
  const offset = header.getUint32(at, true);
  const size = header.getUint32(at + 4, true);
  const rowSize = ROW_SIZES[name];
  if (offset < HEADER_SIZE || offset + size > cache.source.size || size % rowSize !== 0) {
    throw malformedIndex(`whole rows of ${name} inside the index`, `${size} bytes at ${offset}`);
  }
  return new Section(cache, offset, size, rowSize);
}

function* textAt(strings: Section, offset: number): Task<string> {
  const head = yield* strings.bytes(offset, Math.min(MAX_VARINT, Math.max(strings.length - offset, 1)));
  const reader = new VarintReader(head);
  const length = reader.unsigned();
  if (reader.failed) throw malformedIndex('the length of a text', `other bytes at ${offset}`);
  if (length === 0) return '';
  return decoder.decode(yield* strings.bytes(offset + reader.at, length));
}

/** Bytes that are no UTF-8 come out as U+FFFD. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A row of blocks `first` and on that covers an address. */
function* findIn(
  blocks: Section,
  rows: Section,
  first: number,
  count: number,
  depth: number,
  address: number,
  values: number,
): Task<FoundRow | undefined> {
  if (count === 0) return undefined;
  if (first + count > blocks.length) throw malformedIndex('blocks that are there', `block ${first + count}`);
  const found = yield* blocks.last(first, first + count, (row) => {
    const difference = row.get(BLOCK.depth) - depth;
    return difference > 0 || (difference === 0 && row.get(BLOCK.start) > address);
  });
  if (found < first) return undefined;
  const block = yield* blocks.row(found);
  if (block.get(BLOCK.depth) !== depth) return undefined;
  const from = block.get(BLOCK.offset);
  const to = found + 1 < blocks.length ? (yield* blocks.row(found + 1)).get(BLOCK.offset) : rows.length;
  if (from > to || to - from > maxBlockBytes(values))
    throw malformedIndex('a block of rows', `${to - from} bytes`);
  return findRow(yield* rows.bytes(from, to - from), block.get(BLOCK.start), values, address);
}
