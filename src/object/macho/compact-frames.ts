import type { Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import type { CfiRow } from '../cfi.js';
import type { UnwindRow } from '../dwarf/frame-program.js';
import { toCfiRow } from '../dwarf/frame-row.js';
import type { CallFrames } from '../dwarf/frames.js';
import { upperBound } from '../number-list.js';
import {
  type CompactRules,
  compactRules,
  entryRules,
  hasCompactUnwind,
  indirectSize,
  returnAddressRegister,
} from './compact-encoding.js';
import { type CompactEntry, CompactUnwind } from './compact-unwind.js';
import { readFunctionStarts } from './function-starts.js';
import type { MachFile } from './mach-file.js';

/** `__unwind_info` of a file as call frame information. It holds in the body of a function, and where a function begins. */
export class CompactFrames implements CallFrames {
  readonly #file: MachFile;
  readonly #unwind: CompactUnwind;
  #functionStarts: Uint32Array | undefined;

  private constructor(file: MachFile, unwind: CompactUnwind) {
    this.#file = file;
    this.#unwind = unwind;
  }

  /** Undefined where the file has none, or it is of a processor whose encodings are not known here. */
  static *open(file: MachFile): Task<CompactFrames | undefined> {
    if (!hasCompactUnwind(file.machine) || !file.littleEndian) return undefined;
    const data = yield* file.data('.unwind_info');
    return data && new CompactFrames(file, yield* CompactUnwind.open(data));
  }

  *cfiAt(rva: number): Task<CfiRow | undefined> {
    const { machine, pointerSize } = this.#file;
    const entry = yield* this.#unwind.find(rva);
    if (entry === undefined) return undefined;
    // Nothing is pushed yet, also where the rest of the function is not told: clang tells nothing of leaves without a frame.
    const atEntry = (yield* this.#isEntry(rva, entry)) ? entryRules(machine) : undefined;
    const rules = atEntry ?? (yield* this.#rules(entry));
    if (rules === undefined) return undefined;
    const cie = { returnAddressRegister: returnAddressRegister(machine), signalFrame: false };
    return toCfiRow(this.#row(entry, rules), cie, machine, pointerSize);
  }

  /** Calls for each function, or several with the same rules, with what holds in its body. Addresses of the row are RVAs. */
  *each(visit: (row: UnwindRow) => void): Task<void> {
    const frames = this;
    yield* this.#unwind.each(function* (entry) {
      const rules = yield* frames.#rules(entry);
      if (rules) visit(frames.#row(entry, rules));
    });
  }

  /** Functions with the same rules that lie one behind the other have one entry: the list of their starts tells them apart. */
  *#isEntry(rva: number, { start }: CompactEntry): Task<boolean> {
    if (rva === start) return true;
    this.#functionStarts ??= (yield* unlessBroken(readFunctionStarts(this.#file))) ?? new Uint32Array();
    return this.#functionStarts[upperBound(this.#functionStarts, rva) - 1] === rva;
  }

  #row({ start, end }: CompactEntry, { cfa, rules }: CompactRules): UnwindRow {
    return { address: start, end, cfa, rules, returnAddressSigned: false };
  }

  *#rules({ start, encoding }: CompactEntry): Task<CompactRules | undefined> {
    const { machine } = this.#file;
    const indirect = indirectSize(encoding, machine);
    if (indirect === undefined) return compactRules(encoding, machine);
    // The operand of `sub rsp, imm32`.
    const bytes = yield* unlessBroken(this.#file.read(start + indirect.offset, 4));
    if (bytes === undefined) return undefined;
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    return compactRules(encoding, machine, size + indirect.adjustment);
  }
}
