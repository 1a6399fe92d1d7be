import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { Intervals } from '../dwarf/intervals.js';
import { NumberList } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import type { PdbModule } from './dbi.js';
import { readInlineAnnotations } from './inline-annotations.js';
import type { LineRanges } from './line-ranges.js';
import { LineSections } from './line-sections.js';
import type { PdbSections } from './sections.js';
import {
  isProcedure,
  isScopeEnd,
  type ProcedureSymbol,
  procedureOf,
  S_BLOCK32,
  S_INLINESITE,
  S_INLINESITE_END,
  S_INLINESITE2,
  S_SEPCODE,
  S_THUNK32,
  S_WITH32,
  type SeparatedCode,
  STOP,
  separatedCodeOf,
  walkSymbols,
} from './symbol-records.js';

/** CV_SIGNATURE_C13: symbols and lines as compilers since Visual C++ 8 write them. */
const SIGNATURE_C13 = 4;
const SIGNATURE_SIZE = 4;
/** Bytes of records of procedures and of functions that were inlined. */
const SMALLEST_PROCEDURE = 40;
const SMALLEST_INLINEE = 12;
/** Deeper calls are left out. */
export const MAX_INLINE_DEPTH = 128;
const MAX_SITES = 1 << 17;
/** Code that was separated from separated code. */
const MAX_SEPARATIONS = 8;

/**
 * A function of a module, or code that was separated from it: that has the name of its function, whose section and offset it has, but a
 * start, a size and inlined calls of its own.
 */
export interface Procedure extends ProcedureSymbol {
  /** RVA in the image as it was linked. */
  readonly start: number;
  /** Where its record is in the stream of the module. */
  readonly at: number;
  readonly isThunk: boolean;
}

/** A call that was inlined into a procedure. */
export interface InlineSite {
  /** Of the function: an index of the IPI stream, or one of another module. */
  readonly inlinee: number;
  /** 0 for a call in the procedure itself. */
  readonly depth: number;
  /** The number of the call that it is in; -1 where it is in the procedure itself. */
  readonly parent: number;
  /** Relative to the start of the procedure. */
  readonly ranges: LineRanges;
}

/** Symbols and lines of one module: its stream. */
export class ModuleSymbols {
  readonly name: string;
  readonly lines: LineSections;
  readonly #data: SectionData;
  readonly #end: number;
  readonly #sections: PdbSections;
  /** Where the records of procedures are, by RVA. */
  #procedures: Intervals | undefined;
  #inlinees: Map<number, number> | undefined;

  private constructor(
    name: string,
    data: SectionData,
    end: number,
    lines: LineSections,
    sections: PdbSections,
  ) {
    this.name = name;
    this.#data = data;
    this.#end = end;
    this.lines = lines;
    this.#sections = sections;
  }

  /** @throws `unsupported` where its lines are of the format before Visual C++ 8 */
  static *open(module: PdbModule, data: SectionData, sections: PdbSections): Task<ModuleSymbols> {
    const { symbolSize, oldLineSize, lineSize } = module;
    if (symbolSize >= SIGNATURE_SIZE) {
      const signature = new ByteReader(yield* data.read(0, SIGNATURE_SIZE), data.name).u32();
      if (signature !== SIGNATURE_C13) {
        throw broken(data.name, 'symbols of format 4 (C13)', `format ${signature}`);
      }
    }
    const lines = yield* LineSections.open(data.slice(symbolSize + oldLineSize, lineSize), sections);
    return new ModuleSymbols(module.name, data, symbolSize, lines, sections);
  }

  /** Bytes, for whoever keeps it: what it may come to once it has been asked, as who keeps it does not ask twice. */
  get weight(): number {
    // The blocks of its stream that are kept, at the most.
    const kept = Math.min(this.#data.size, 1024 * 1024);
    const procedures = (this.#end / SMALLEST_PROCEDURE) * 16;
    const inlinees = ((this.lines.inlinees?.size ?? 0) / SMALLEST_INLINEE) * 64;
    return kept + this.lines.weight + procedures + inlinees;
  }

  /** The function whose code an RVA is in. */
  *procedureAt(rva: number): Task<Procedure | undefined> {
    this.#procedures ??= yield* this.#walk();
    const at = this.#procedures.find(rva);
    return at === undefined ? undefined : yield* this.#procedure(at);
  }

  /** Where the records of all functions are, by address. */
  *procedures(): Task<Procedure[]> {
    const found: Procedure[] = [];
    const parts: { part: SeparatedCode; start: number; at: number }[] = [];
    // Who lists them asks for each of them by its address, too.
    this.#procedures = yield* this.#walk(
      (procedure) => {
        found.push(procedure);
      },
      (part, start, at) => {
        parts.push({ part, start, at });
      },
    );
    if (parts.length > 0) {
      const byStart = new Map(found.map((procedure) => [procedure.start, procedure]));
      for (const { part, start, at } of parts) {
        const owner = byStart.get(this.#sections.rva(part.parentSection, part.parentOffset) ?? -1);
        if (owner === undefined) continue;
        const procedure = { ...owner, start, at, size: part.size, end: part.end, isThunk: false };
        if (!byStart.has(start)) byStart.set(start, procedure);
        found.push(procedure);
      }
    }
    return found.sort((a, b) => a.start - b.start || a.at - b.at);
  }

  /** Gives where the records of procedures and of separated code are, by RVA. */
  *#walk(
    each?: (procedure: Procedure) => void,
    eachPart?: (part: SeparatedCode, start: number, at: number) => void,
  ): Task<Intervals> {
    const triples = new NumberList();
    const add = (start: number, size: number, at: number) => {
      triples.push(start);
      triples.push(start + size);
      triples.push(at);
    };
    yield* walkSymbols(this.#data, SIGNATURE_SIZE, this.#end, (record) => {
      const part = separatedCodeOf(record);
      if (part !== undefined) {
        const start = this.#sections.rva(part.section, part.offset);
        if (start !== undefined && part.size > 0) {
          add(start, part.size, record.at);
          eachPart?.(part, start, record.at);
        }
        return part.end;
      }
      const symbol = procedureOf(record);
      if (symbol === undefined) return undefined;
      const start = this.#sections.rva(symbol.section, symbol.offset);
      const isThunk = record.kind === S_THUNK32;
      if (start !== undefined && symbol.size > 0) {
        add(start, symbol.size, record.at);
        each?.({ ...symbol, start, at: record.at, isThunk });
      }
      return symbol.end;
    });
    return new Intervals(triples);
  }

  *#procedure(at: number, separations = 0): Task<Procedure | undefined> {
    const length = new ByteReader(yield* this.#data.read(at, 2), this.#data.name).u16() + 2;
    const reader = new ByteReader(yield* this.#data.read(at, length), this.#data.name, 2);
    const kind = reader.u16();
    const part = separatedCodeOf({ kind, at, reader });
    if (part !== undefined) {
      const parent = this.#sections.rva(part.parentSection, part.parentOffset);
      const parentAt = parent === undefined ? undefined : this.#procedures?.find(parent);
      if (parentAt === undefined || separations >= MAX_SEPARATIONS) return undefined;
      const owner = yield* this.#procedure(parentAt, separations + 1);
      const start = this.#sections.rva(part.section, part.offset);
      if (owner === undefined || start === undefined) return undefined;
      return { ...owner, start, at, size: part.size, end: part.end, isThunk: false };
    }
    const symbol = procedureOf({ kind, at, reader });
    const start = symbol && this.#sections.rva(symbol.section, symbol.offset);
    return start === undefined ? undefined : { ...symbol!, start, at, isThunk: kind === S_THUNK32 };
  }

  /** What was inlined into a function: outer calls before those in them. */
  *inlineSites({ at, end, size }: Procedure): Task<InlineSite[]> {
    this.#inlinees ??= yield* this.#readInlinees();
    const inlinees = this.#inlinees;
    const source = this.lines.inlinees;
    const found: { inlinee: number; parent: number; depth: number; annotations: Uint8Array }[] = [];
    /** Scopes that are open: numbers of calls, -1 for blocks. */
    const open: number[] = [];
    const limit = end > at && end < this.#end ? end : this.#end;
    yield* walkSymbols(this.#data, at, limit, ({ kind, at: here, reader }) => {
      if (here === at) return undefined;
      // They are not in one another: the one that is read was not closed.
      if (isProcedure(kind)) return STOP;
      if (kind === S_INLINESITE || kind === S_INLINESITE2) {
        reader.skip(8);
        const inlinee = reader.u32();
        if (kind === S_INLINESITE2) reader.skip(4);
        const parent = open.findLast((one) => one >= 0) ?? -1;
        const depth = parent < 0 ? 0 : found[parent]!.depth + 1;
        if (open.length >= MAX_INLINE_DEPTH * 2 || depth >= MAX_INLINE_DEPTH || found.length >= MAX_SITES) {
          throw reader.broken('inlined calls as compilers make them');
        }
        open.push(found.length);
        // A copy: the piece that was read is not kept for it.
        found.push({ inlinee, parent, depth, annotations: reader.take(reader.left).slice() });
      } else if (kind === S_BLOCK32 || kind === S_WITH32 || kind === S_SEPCODE) {
        if (open.length >= MAX_INLINE_DEPTH * 2) throw reader.broken('blocks as compilers make them');
        open.push(-1);
      } else if (kind === S_INLINESITE_END || isScopeEnd(kind)) {
        if (open.length === 0) return STOP;
        open.pop();
      }
      return undefined;
    });
    const sites: InlineSite[] = [];
    for (const { inlinee, parent, depth, annotations } of found) {
      const entry = inlinees.get(inlinee);
      const place = entry === undefined || source === undefined ? undefined : yield* source.read(entry, 12);
      const reader = place && new ByteReader(place, this.#data.name, 4);
      const file = reader?.u32() ?? 0;
      const line = reader?.u32() ?? 0;
      const ranges = readInlineAnnotations(
        new ByteReader(annotations, `${this.#data.name}, inlined call`),
        line,
        file,
        size,
      );
      sites.push({ inlinee, parent, depth, ranges });
    }
    return sites;
  }

  /** Where the entry of each function that was inlined is in the subsection that has their files and lines. */
  *#readInlinees(): Task<Map<number, number>> {
    const entries = new Map<number, number>();
    const data = this.lines.inlinees;
    if (data === undefined || data.size < 4) return entries;
    const reader = new ByteReader(yield* data.read(0, data.size), data.name);
    const hasMoreFiles = reader.u32() === 1;
    while (reader.left >= 12) {
      const at = reader.position;
      const inlinee = reader.u32();
      reader.skip(8);
      if (hasMoreFiles) reader.skip(reader.u32() * 4);
      entries.set(inlinee, at);
    }
    return entries;
  }
}
