import type { MinidumpError, Task } from '../../io/index.js';
import { BrokenParts } from '../broken-parts.js';
import type { CfiRow } from '../cfi.js';
import type {
  DebugInformation,
  FunctionAt,
  InlinedCall,
  SourceLine,
  WindowsFrame,
} from '../debug-information.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../symbol-listing.js';
import { type FrameRecords, parameterSizeAt } from './frame-records.js';
import { type LineRanges, NO_LINE } from './line-ranges.js';
import { listPdb } from './listing.js';
import type { InlineSite, ModuleSymbols, Procedure } from './module-symbols.js';
import type { PdbFile } from './pdb-file.js';
import { ProcedureNames } from './procedure-names.js';
import { isPublicOfC, type PublicSymbol, undecorated } from './public-symbols.js';

const NOWHERE: SourceLine = { file: undefined, line: undefined };

/**
 * What a PDB tells of the code of its module. Names of C++ come with their arguments and are not mangled, but those of public symbols,
 * which are all there is of code without debug information. Call frame information of x86-64 and ARM64 is in the image, not here.
 */
export class PdbDebugInformation implements DebugInformation, ListsSymbols {
  readonly #pdb: PdbFile;
  readonly #names: ProcedureNames;
  readonly #parts = new BrokenParts();

  constructor(pdb: PdbFile) {
    this.#pdb = pdb;
    this.#names = new ProcedureNames(pdb, this.#parts);
  }

  /** What could not be used until now. */
  get problems(): readonly MinidumpError[] {
    return this.#parts.problems;
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    const linked = yield* this.#linked(rva);
    if (linked === undefined) return undefined;
    const number = yield* this.#parts.attempt(this.#pdb.moduleAt(linked));
    const module = number === undefined ? undefined : yield* this.#parts.attempt(this.#pdb.module(number));
    const procedure = module && (yield* this.#parts.attempt(module.procedureAt(linked)));
    if (module !== undefined && procedure !== undefined)
      return yield* this.#procedure(linked, rva, module, procedure);
    const found = yield* this.#publicAt(linked, rva);
    const place =
      module && found && (yield* this.#placeIn(yield* this.#lines(module, linked), linked, module));
    return place && found ? { ...found, ...place } : found;
  }

  /** It is in .pdata of the image, or windowsFrameAt has something. */
  *cfiAt(_rva: number): Task<CfiRow | undefined> {
    return undefined;
  }

  *windowsFrameAt(rva: number): Task<WindowsFrame | undefined> {
    const linked = yield* this.#linked(rva);
    if (linked === undefined) return undefined;
    for (const records of yield* this.#frameRecords()) {
      const index = records.find(linked);
      if (index === undefined) continue;
      const strings = yield* this.#parts.attempt(this.#pdb.strings());
      const frame = yield* this.#parts.attempt(records.frame(index, strings));
      if (frame !== undefined) return { ...frame, ...(yield* this.#imageRange(frame, rva)) };
    }
    return undefined;
  }

  /** Without inlined calls, lines are those of the function itself, as in .sym files that dump_syms makes of PDBs. */
  *list(listener: SymbolListener, options: SymbolListingOptions = {}): Task<void> {
    yield* listPdb(this.#pdb, this.#names, listener, options, this.#parts);
  }

  /** The piece of a frame record that has an RVA of the image. */
  *#imageRange({ start, size }: WindowsFrame, rva: number): Task<{ start: number; size: number }> {
    const addresses = yield* this.#pdb.addresses();
    for (const range of addresses.imageRanges(start, size)) {
      if (rva >= range.start && rva < range.start + range.size)
        return { start: range.start, size: range.size };
    }
    return { start: rva, size: 1 };
  }

  *#linked(rva: number): Task<number | undefined> {
    return (yield* this.#parts.attempt(this.#pdb.addresses()))?.linked(rva);
  }

  *#image(linked: number, otherwise: number): Task<number> {
    return (yield* this.#pdb.addresses()).image(linked) ?? otherwise;
  }

  *#procedure(linked: number, rva: number, module: ModuleSymbols, procedure: Procedure): Task<FunctionAt> {
    const publics = (yield* this.#parts.attempt(this.#publicsAt(procedure.section, procedure.offset))) ?? [];
    const own = publics.find(({ name }) => isPublicOfC(name, procedure.name, this.#pdb.isX86));
    const name = yield* this.#names.ofProcedure(procedure, module, own !== undefined);
    const lines = yield* this.#lines(module, linked);
    const place = yield* this.#placeIn(lines, linked, module);
    const sites = (yield* this.#parts.attempt(module.inlineSites(procedure))) ?? [];
    const inlines: InlinedCall[] = [];
    const offset = linked - procedure.start;
    for (const { site, line } of callsAt(sites, offset)) {
      const at = line === undefined ? NOWHERE : yield* this.#source(site.ranges, line, module);
      inlines.unshift({ name: yield* this.#names.ofInlinee(site.inlinee, module), ...at });
    }
    return {
      name,
      start: yield* this.#image(procedure.start, rva),
      file: place?.file,
      line: place?.line,
      lineStart: place && (yield* this.#image(Math.max(place.linked, procedure.start), rva)),
      parameterSize: (yield* this.#parameterSize(procedure.start)) ?? this.#undecorated(own).parameterSize,
      inlines,
    };
  }

  *#lines(module: ModuleSymbols, linked: number): Task<LineRanges | undefined> {
    const sections = yield* this.#parts.attempt(this.#pdb.sections());
    const index = module.lines.find(linked);
    if (sections === undefined || index === undefined) return undefined;
    return yield* this.#parts.attempt(module.lines.lines(index, sections));
  }

  *#placeIn(
    lines: LineRanges | undefined,
    linked: number,
    module: ModuleSymbols,
  ): Task<(SourceLine & { linked: number }) | undefined> {
    const index = lines?.covering(linked);
    if (lines === undefined || index === undefined || lines.line(index) === NO_LINE) return undefined;
    return { ...(yield* this.#source(lines, index, module)), linked: lines.start(index) };
  }

  *#source(lines: LineRanges, index: number, module: ModuleSymbols): Task<SourceLine> {
    const line = lines.line(index);
    const name = yield* this.#parts.attempt(this.#pdb.fileName(module, lines.file(index)));
    return { file: name, line: line === NO_LINE ? undefined : line };
  }

  /** Bytes of parameters, as frame data or FPO of its first instruction have it. */
  *#parameterSize(start: number): Task<number | undefined> {
    return this.#pdb.isX86 ? parameterSizeAt(yield* this.#frameRecords(), start) : undefined;
  }

  /** Those with programs, then those without. */
  *#frameRecords(): Task<FrameRecords[]> {
    return yield* this.#parts.opened([this.#pdb.frameData(), this.#pdb.fpo()]);
  }

  *#publicsAt(section: number, offset: number): Task<readonly PublicSymbol[]> {
    const publics = yield* this.#pdb.publics();
    const found = publics === undefined ? [] : yield* publics.before(section, offset);
    return found[0]?.offset === offset ? found : [];
  }

  /** The public symbol that is nearest before an RVA, where there is no procedure. */
  *#publicAt(linked: number, rva: number): Task<FunctionAt | undefined> {
    const sections = yield* this.#parts.attempt(this.#pdb.sections());
    const place = sections?.place(linked);
    if (sections === undefined || place === undefined || !sections.isCode(place.section)) return undefined;
    const publics = yield* this.#parts.attempt(this.#pdb.publics());
    const [symbol] =
      (publics && (yield* this.#parts.attempt(publics.before(place.section, place.offset)))) ?? [];
    if (symbol === undefined) return undefined;
    const start = linked - (place.offset - symbol.offset);
    // It is the name of a function that ends before: this is what lies between two of them.
    const owner = yield* this.#parts.attempt(this.#pdb.moduleAt(start));
    const module = owner === undefined ? undefined : yield* this.#parts.attempt(this.#pdb.module(owner));
    if (module && (yield* this.#parts.attempt(module.procedureAt(start)))) return undefined;
    const { name, parameterSize } = this.#undecorated(symbol);
    return {
      name,
      start: yield* this.#image(start, rva),
      ...NOWHERE,
      lineStart: undefined,
      parameterSize: (yield* this.#parameterSize(start)) ?? parameterSize,
      inlines: [],
    };
  }

  #undecorated(symbol: PublicSymbol | undefined): { name: string; parameterSize: number } {
    return undecorated(symbol?.name ?? '', this.#pdb.isX86);
  }
}

/** The calls that an offset is in, the outermost first, each with the number of its line. */
function callsAt(
  sites: readonly InlineSite[],
  offset: number,
): { site: InlineSite; line: number | undefined }[] {
  const lines = sites.map(({ ranges }) => ranges.covering(offset));
  // A call that is in another covers that one too, whatever its own annotations say.
  const covers = lines.map((line) => line !== undefined);
  for (let i = sites.length - 1; i >= 0; i--) {
    const { parent } = sites[i]!;
    if (covers[i] && parent >= 0) covers[parent] = true;
  }
  const chain: { site: InlineSite; line: number | undefined }[] = [];
  let inside = -1;
  sites.forEach((site, i) => {
    if (site.parent !== inside || !covers[i]) return;
    chain.push({ site, line: lines[i] });
    inside = i;
  });
  return chain;
}
