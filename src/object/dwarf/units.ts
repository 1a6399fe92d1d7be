import type { Task } from '../../io/index.js';
import { broken } from '../bytes.js';
import { NumberList, upperBound } from '../number-list.js';
import { AbbreviationTables } from './abbreviations.js';
import type { FormValue } from './forms.js';
import { Recent } from './recent.js';
import type { DwarfSections } from './sections.js';
import { nextUnit, readUnitRoot, type UnitRoot } from './unit.js';

const MAX_ROOTS = 4096;

/** The units of one file. */
export class DwarfUnits {
  readonly sections: DwarfSections;
  readonly abbreviations: AbbreviationTables;
  readonly #roots = new Recent<UnitRoot>(MAX_ROOTS);
  readonly #skeleton: UnitRoot | undefined;
  #offsets: Float64Array | undefined;

  /** @param skeleton of the unit, where these sections were split off: it has the bases of what they refer to */
  constructor(sections: DwarfSections, skeleton?: UnitRoot) {
    this.sections = sections;
    this.#skeleton = skeleton;
    this.abbreviations = new AbbreviationTables(sections.abbrev);
  }

  /** Whether these were split off another file. */
  get isSplit(): boolean {
    return this.#skeleton !== undefined;
  }

  /** The unit at an offset of `.debug_info`. Throws `malformed`. */
  *root(offset: number): Task<UnitRoot> {
    const known = this.#roots.get(offset);
    if (known) return known;
    let root = yield* readUnitRoot(this.sections, this.abbreviations, offset);
    if (this.#skeleton) {
      const { lowPc, addrBase, rangesBase } = this.#skeleton;
      root = { ...root, lowPc, addrBase, rangesBase };
    }
    this.#roots.set(offset, root, 1);
    return root;
  }

  /** Where all units begin: found by their lengths, a few bytes of each. */
  *offsets(): Task<Float64Array> {
    if (this.#offsets) return this.#offsets;
    const offsets = new NumberList();
    for (let at: number | undefined = 0; at !== undefined && at < this.sections.info.size; ) {
      offsets.push(at);
      at = yield* nextUnit(this.sections, at);
    }
    this.#offsets = Float64Array.from({ length: offsets.length }, (_, i) => offsets.at(i));
    return this.#offsets;
  }

  /** The unit that a DIE is in; `near` is one that it may well be in: to find others takes a look at all. */
  *containing(die: number, near: UnitRoot | undefined): Task<UnitRoot> {
    if (near && die >= near.header.firstDie && die < near.header.end) return near;
    const offsets = yield* this.offsets();
    const after = upperBound(offsets, die);
    const root = after > 0 ? yield* this.root(offsets[after - 1]!) : undefined;
    if (root === undefined || die < root.header.firstDie || die >= root.header.end)
      throw broken('.debug_info', 'a reference to a DIE', `one to ${die}`);
    return root;
  }

  /**
   * The text that an attribute of a unit has; undefined where its section is absent.
   *
   * @param supplementary the file that dwz moved text into
   */
  *text(root: UnitRoot, value: FormValue, supplementary: DwarfUnits | undefined): Task<string | undefined> {
    const { info, str, lineStr } = this.sections;
    switch (value.kind) {
      case 'text-here':
        return yield* info.text(value.value);
      case 'text':
        return str && (yield* str.text(value.value));
      case 'line-text':
        return lineStr && (yield* lineStr.text(value.value));
      case 'supplementary-text':
        return yield* textOf(supplementary, value.value);
      case 'string-index': {
        const at = yield* this.#stringOffset(root, value.value);
        return at === undefined ? undefined : str && (yield* str.text(at));
      }
      default:
        return undefined;
    }
  }

  *#stringOffset({ header, strOffsetsBase }: UnitRoot, index: number): Task<number | undefined> {
    const { strOffsets } = this.sections;
    if (strOffsets === undefined) return undefined;
    const { offsetSize, version } = header;
    // Without DW_AT_str_offsets_base the first contribution is meant, behind its header; before DWARF 5 it had none.
    const base = strOffsetsBase ?? (version < 5 ? 0 : offsetSize * 2);
    return readNumber(yield* strOffsets.read(base + index * offsetSize, offsetSize));
  }

  /** An address of `.debug_addr`. */
  *address({ header, addrBase }: UnitRoot, index: number): Task<number> {
    const { addr } = this.sections;
    if (addr === undefined) throw broken('.debug_info', 'a section .debug_addr', 'none');
    const { addressSize, version } = header;
    const base = addrBase ?? (version < 5 ? 0 : 8);
    return readNumber(yield* addr.read(base + index * addressSize, addressSize));
  }

  /** An attribute that is an address; undefined where it has another form. */
  *addressOf(root: UnitRoot, value: FormValue | undefined): Task<number | undefined> {
    if (value?.kind === 'address') return value.value;
    if (value?.kind === 'address-index') return yield* this.address(root, value.value);
    return undefined;
  }
}

function* textOf(units: DwarfUnits | undefined, offset: number): Task<string | undefined> {
  const str = units?.sections.str;
  return str && (yield* str.text(offset));
}

/** Of 4 or 8 bytes. */
function readNumber(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getUint32(0, true);
  return bytes.length === 8 ? view.getUint32(4, true) * 2 ** 32 + low : low;
}
