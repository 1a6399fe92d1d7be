import type { Task } from '../../io/index.js';
import type { BrokenParts } from '../broken-parts.js';
import { Recent } from '../dwarf/recent.js';
import type { SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { type FrameRecords, parameterSizeAt } from './frame-records.js';
import { InnermostLines } from './innermost-lines.js';
import { LineRanges, NO_LINE } from './line-ranges.js';
import type { InlineSite, ModuleSymbols, Procedure } from './module-symbols.js';
import type { PdbAddresses } from './omap.js';
import type { PdbFile } from './pdb-file.js';
import type { ProcedureNames } from './procedure-names.js';
import { isPublicOfC, undecorated } from './public-symbols.js';
import type { PdbSections } from './sections.js';
import { S_PUB32, walkSymbols } from './symbol-records.js';

/** Bytes of lines of one module that are kept. */
const KEPT_LINES = 64 * 1024 * 1024;
/** Of a call whose place is not told. */
const UNKNOWN_FILE = '??';

/** Tells all that a PDB knows: see ListsSymbols. */
export function* listPdb(
  pdb: PdbFile,
  names: ProcedureNames,
  listener: SymbolListener,
  options: SymbolListingOptions,
  parts: BrokenParts,
): Task<void> {
  yield* new PdbListing(pdb, names, listener, options, parts).all();
}

class PdbListing {
  readonly #pdb: PdbFile;
  readonly #names: ProcedureNames;
  readonly #listener: SymbolListener;
  readonly #parts: BrokenParts;
  readonly #wantsInlines: boolean;
  readonly #wantsFrames: boolean;
  #sections!: PdbSections;
  #addresses!: PdbAddresses;
  /** By RVA: the names of public symbols of C, one a line. */
  readonly #plainNames = new Map<number, string>();
  /** Of the functions that were told. */
  readonly #starts = new Set<number>();
  /** STACK WIN records: with programs, then without. */
  #frames: readonly FrameRecords[] = [];

  constructor(
    pdb: PdbFile,
    names: ProcedureNames,
    listener: SymbolListener,
    { inlines = true, cfi = true }: SymbolListingOptions,
    parts: BrokenParts,
  ) {
    this.#pdb = pdb;
    this.#names = names;
    this.#listener = listener;
    this.#parts = parts;
    this.#wantsInlines = inlines;
    this.#wantsFrames = cfi;
  }

  *all(): Task<void> {
    this.#sections = yield* this.#pdb.sections();
    this.#addresses = yield* this.#pdb.addresses();
    this.#frames = yield* this.#parts.opened([this.#pdb.frameData(), this.#pdb.fpo()]);
    yield* this.#parts.attempt(
      this.#eachPublic((rva, decorated) => {
        if (decorated.startsWith('?')) return;
        const others = this.#plainNames.get(rva);
        this.#plainNames.set(rva, others === undefined ? decorated : `${others}\n${decorated}`);
      }),
    );
    const { length } = (yield* this.#parts.attempt(this.#pdb.modules())) ?? [];
    for (let index = 0; index < length; index++) {
      const module = yield* this.#parts.attempt(this.#pdb.module(index));
      if (module !== undefined) yield* this.#parts.attempt(this.#module(module, index));
    }
    yield* this.#parts.attempt(this.#eachPublic((rva, name) => this.#public(rva, name)));
    if (this.#wantsFrames) yield* this.#allFrames();
  }

  *#eachPublic(each: (rva: number, name: string) => void): Task<void> {
    const records = yield* this.#pdb.symbolRecords();
    if (records === undefined) return;
    yield* walkSymbols(records, 0, records.size, ({ kind, reader }) => {
      if (kind !== S_PUB32) return undefined;
      reader.skip(4);
      const offset = reader.u32();
      const section = reader.u16();
      const rva = this.#sections.rva(section, offset);
      if (rva !== undefined && this.#sections.isCode(section)) each(rva, reader.string());
      return undefined;
    });
  }

  #public(rva: number, decorated: string): void {
    const start = this.#starts.has(rva) ? undefined : this.#addresses.image(rva);
    if (start === undefined) return;
    const { name, parameterSize } = undecorated(decorated, this.#pdb.isX86);
    this.#listener.publicSymbol(start, parameterSize, name);
  }

  *#module(module: ModuleSymbols, index: number): Task<void> {
    const files = new Map<number, number>();
    const kept = new Recent<LineRanges>(KEPT_LINES);
    const procedures = yield* module.procedures();
    for (let i = 0; i < procedures.length; i++) {
      const procedure = procedures[i]!;
      const { start, size } = procedure;
      const plain = this.#plainNames.get(this.#sections.rva(procedure.section, procedure.offset) ?? start);
      // What is known of these is their name, and the public symbol has that.
      if (procedure.isThunk && plain !== undefined) continue;
      const isC =
        plain?.split('\n').some((one) => isPublicOfC(one, procedure.name, this.#pdb.isX86)) ?? false;
      const name = yield* this.#names.ofProcedure(procedure, module, isC);
      // Where the linker has folded identical functions, that one stands for all which functionAt finds too. The others are names there.
      const stands =
        !this.#starts.has(start) &&
        (yield* this.#ownerOf(start)) === index &&
        (yield* module.procedureAt(start))?.at === procedure.at;
      if (!stands) {
        const image = this.#addresses.image(start);
        if (image !== undefined) this.#listener.publicSymbol(image, 0, name);
        continue;
      }
      this.#starts.add(start);
      const next = procedures[i + 1]?.start ?? start;
      const end = next > start ? Math.min(start + size, next) : start + size;
      const lines = (yield* this.#parts.attempt(this.#linesAt(module, start, kept))) ?? new LineRanges();
      const wanted = this.#wantsInlines ? module.inlineSites(procedure) : undefined;
      const sites = (wanted && (yield* this.#parts.attempt(wanted))) ?? [];
      for (const piece of this.#addresses.imageRanges(start, size)) {
        this.#listener.function(piece.start, piece.size, this.#parameterSize(start), name);
        const from = start + piece.from;
        const to = Math.min(end, from + piece.size);
        const shift = piece.start - from;
        const fileOf = (checksum: number) => this.#file(module, checksum, files);
        yield* this.#inlines(module, procedure, lines, sites, { from, to, shift }, fileOf);
        const innermost = new InnermostLines(from, to);
        innermost.add(lines, 0);
        for (const { ranges, depth } of sites) innermost.add(ranges, depth + 1, start);
        for (const span of innermost.innermost()) {
          // A task for each line would cost more than all else.
          const file =
            span.line === NO_LINE ? undefined : (files.get(span.file) ?? (yield* fileOf(span.file)));
          if (file !== undefined)
            this.#listener.line(span.start + shift, span.end - span.start, span.line, file);
        }
      }
    }
  }

  *#ownerOf(rva: number): Task<number | undefined> {
    return yield* this.#parts.attempt(this.#pdb.moduleAt(rva));
  }

  *#inlines(
    module: ModuleSymbols,
    { start }: Procedure,
    lines: LineRanges,
    sites: readonly InlineSite[],
    { from, to, shift }: { from: number; to: number; shift: number },
    fileOf: (checksum: number) => Task<number | undefined>,
  ): Task<void> {
    for (const { inlinee, depth, parent, ranges } of sites) {
      const pairs: number[] = [];
      for (let i = 0; i < ranges.count; i++) {
        const first = Math.max(from, ranges.start(i) + start) + shift;
        const end = Math.min(to, ranges.end(i) + start) + shift;
        if (end <= first) continue;
        if (pairs.length > 0 && pairs.at(-2)! + pairs.at(-1)! === first)
          pairs.push(pairs.pop()! + end - first);
        else pairs.push(first, end - first);
      }
      if (pairs.length === 0) continue;
      // The line of the caller at the first instruction is that of the call.
      const outer = parent < 0 ? lines : sites[parent]!.ranges;
      const call = outer.covering(ranges.start(0) + (parent < 0 ? start : 0));
      const file = call === undefined ? undefined : yield* fileOf(outer.file(call));
      const origin = this.#listener.origin(yield* this.#names.ofInlinee(inlinee, module));
      const line = call === undefined ? 0 : outer.line(call);
      this.#listener.inline(depth, line, file ?? this.#listener.file(UNKNOWN_FILE), origin, pairs);
    }
  }

  *#linesAt(module: ModuleSymbols, rva: number, kept: Recent<LineRanges>): Task<LineRanges | undefined> {
    const index = module.lines.find(rva);
    if (index === undefined) return undefined;
    const known = kept.get(index);
    if (known !== undefined) return known;
    const lines = yield* module.lines.lines(index, this.#sections);
    kept.set(index, lines, lines.count * 32);
    return lines;
  }

  *#file(module: ModuleSymbols, checksum: number, files: Map<number, number>): Task<number | undefined> {
    const known = files.get(checksum);
    if (known !== undefined) return known;
    const name = yield* this.#parts.attempt(this.#pdb.fileName(module, checksum));
    if (name === undefined) return undefined;
    const number = this.#listener.file(name);
    files.set(checksum, number);
    return number;
  }

  #parameterSize(start: number): number {
    return this.#pdb.isX86 ? (parameterSizeAt(this.#frames, start) ?? 0) : 0;
  }

  *#allFrames(): Task<void> {
    const strings = yield* this.#parts.attempt(this.#pdb.strings());
    for (const records of this.#frames) {
      for (let i = 0; i < records.count; i++) {
        const frame = yield* this.#parts.attempt(records.frame(i, strings));
        if (frame === undefined) continue;
        for (const { start, size } of this.#addresses.imageRanges(frame.start, frame.size)) {
          this.#listener.windowsFrame({ ...frame, start, size });
        }
      }
    }
  }
}
