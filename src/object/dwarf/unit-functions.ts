import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import type { Abbreviation, Abbreviations } from './abbreviations.js';
import { DW_AT, DW_TAG } from './constants.js';
import { type FormValue, fixedSize, readForm, type UnitEncoding } from './forms.js';
import { Intervals } from './intervals.js';
import { RangeBudget, readRanges } from './ranges.js';
import type { UnitRoot } from './unit.js';
import { type DwarfUnits, unlessBroken } from './units.js';

/** A subprogram or an inlined subroutine with code. */
interface Node {
  /** Offset of its DIE. */
  readonly die: number;
  readonly inlined: boolean;
  readonly callFile: number;
  readonly callLine: number;
  /** The number of the node behind the last that is inside this one. */
  next: number;
  /** Start and end, one pair after the other, as the file has them. */
  ranges: readonly number[];
  /** DW_AT_low_pc or DW_AT_entry_pc, where it begins. */
  entry: number | undefined;
}

/** A function or an inlined call that covers an address. */
export interface Covering {
  readonly die: number;
  /** As in the unit's file table; 0 is not known. For a function they are 0. */
  readonly callFile: number;
  readonly callLine: number;
  /** Where it begins. */
  readonly start: number;
  /** Where the one of its ranges begins that covers the address. */
  readonly rangeStart: number;
}

/** An attribute of a node that is an address or a list, to be looked up when the unit has been read. */
interface Pending {
  node: Node;
  low: FormValue | undefined;
  high: FormValue | undefined;
  ranges: FormValue | undefined;
  entry: FormValue | undefined;
}

const EMPTY: readonly number[] = [];
/** Calls inlined into each other, at one address; those of real programs are some tens deep. */
const MAX_CHAIN = 1024;

/** The functions of one unit by address, and what was inlined into them. */
export class UnitFunctions {
  readonly #nodes: readonly Node[];
  readonly #functions: Intervals;
  /** Bytes that it takes, about. */
  readonly weight: number;

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
    const triples: number[] = [];
    let ranges = 0;
    nodes.forEach((node, i) => {
      ranges += node.ranges.length;
      if (node.inlined) return;
      for (let r = 0; r < node.ranges.length; r += 2) triples.push(node.ranges[r]!, node.ranges[r + 1]!, i);
    });
    this.#functions = new Intervals(triples);
    this.weight = nodes.length * 120 + ranges * 40;
  }

  /** Reads all DIEs of a unit. Where they are broken, what came before is kept. Throws `malformed` if nothing can be read. */
  static *read(units: DwarfUnits, root: UnitRoot): Task<UnitFunctions> {
    const { header } = root;
    const abbreviations = yield* units.abbreviations.at(header.abbrevOffset);
    const bytes = yield* units.sections.info.read(header.firstDie, header.end - header.firstDie);
    const pending: Pending[] = [];
    const nodes = collectNodes(bytes, root, abbreviations, pending);
    const base = (yield* unlessBroken(units.addressOf(root, root.lowPc))) ?? 0;
    const budget = new RangeBudget();
    for (const one of pending) yield* unlessBroken(resolve(units, root, one, base, budget));
    return new UnitFunctions(nodes);
  }

  /** The function that covers an address of the file and the calls inlined there, outermost first; empty if there is none. */
  at(address: number): Covering[] {
    const outermost = this.#functions.find(address);
    if (outermost === undefined) return [];
    const chain = [this.#covering(outermost, address)];
    const innermost = this.#innermost(outermost, address);
    for (let i = outermost + 1; i <= innermost && chain.length < MAX_CHAIN; ) {
      const { next } = this.#nodes[i]!;
      if (innermost < next) {
        chain.push(this.#covering(i, address));
        i++;
      } else i = next;
    }
    return chain;
  }

  /**
   * The last call inside a function that covers an address. Those around it need not: DWARF 2 cannot say that a call is in
   * several pieces, and GCC (-gstrict-dwarf) then gives it the first of them, or none.
   */
  #innermost(outermost: number, address: number): number {
    const end = this.#nodes[outermost]!.next;
    let found = outermost;
    for (let i = outermost + 1; i < end; ) {
      const node = this.#nodes[i]!;
      // A function in a function is one of its own.
      if (!node.inlined) {
        i = node.next;
        continue;
      }
      if (rangeStart(node, address) !== undefined) found = i;
      i++;
    }
    return found;
  }

  #covering(index: number, address: number): Covering {
    const node = this.#nodes[index]!;
    const here = rangeStart(node, address) ?? address;
    return {
      die: node.die,
      callFile: node.callFile,
      callLine: node.callLine,
      start: node.entry ?? node.ranges[0] ?? here,
      rangeStart: here,
    };
  }
}

function rangeStart({ ranges }: Node, address: number): number | undefined {
  for (let i = 0; i < ranges.length; i += 2) {
    if (address >= ranges[i]! && address < ranges[i + 1]!) return ranges[i];
  }
  return undefined;
}

/** In the place of a form: so many bytes to skip. */
const SKIP = -1;

/** How a DIE is read over: sizes of forms that follow each other are taken together. Triples of size, form, constant. */
function skipPlan({ attributes }: Abbreviation, unit: UnitEncoding): readonly number[] {
  const plan: number[] = [];
  for (let i = 0; i < attributes.length; i += 3) {
    const size = fixedSize(attributes[i + 1]!, unit);
    if (size < 0) plan.push(0, attributes[i + 1]!, attributes[i + 2]!);
    else if (plan[plan.length - 2] === SKIP) plan[plan.length - 3]! += size;
    else plan.push(size, SKIP, 0);
  }
  return plan;
}

/** Walks all DIEs once. Types and variables are read over. */
function collectNodes(
  bytes: Uint8Array,
  root: UnitRoot,
  abbreviations: Abbreviations,
  pending: Pending[],
): Node[] {
  const { header } = root;
  const nodes: Node[] = [];
  /** The nodes that are open, and -1 for other DIEs with children. */
  const open: number[] = [];
  const close = () => {
    const index = open.pop()!;
    if (index >= 0) nodes[index]!.next = nodes.length;
  };
  const reader = new ByteReader(bytes, '.debug_info');
  const scratch: FormValue = { kind: 'other', value: 0 };
  const plans = new Map<Abbreviation, readonly number[]>();
  const skip = (abbreviation: Abbreviation) => {
    let plan = plans.get(abbreviation);
    if (plan === undefined) {
      plan = skipPlan(abbreviation, header);
      plans.set(abbreviation, plan);
    }
    for (let i = 0; i < plan.length; i += 3) {
      if (plan[i + 1] === SKIP) reader.skip(plan[i]!);
      else readForm(reader, plan[i + 1]!, plan[i + 2]!, header, scratch);
    }
  };
  const walk = () => {
    while (reader.left > 0) {
      const die = header.firstDie + reader.position;
      const code = reader.uleb();
      if (code === 0) {
        if (open.length === 0) return;
        close();
        if (open.length === 0) return;
        continue;
      }
      const abbreviation = abbreviations.get(code);
      if (abbreviation === undefined) return;
      const { tag, attributes, hasChildren } = abbreviation;
      let index = -1;
      if (tag === DW_TAG.subprogram || tag === DW_TAG.inlined_subroutine) {
        index = addNode(die, tag === DW_TAG.inlined_subroutine, attributes);
      } else skip(abbreviation);
      if (hasChildren) open.push(index);
      else if (open.length === 0) return;
    }
  };

  function addNode(die: number, inlined: boolean, attributes: readonly number[]): number {
    const found: Omit<Pending, 'node'> = {
      low: undefined,
      high: undefined,
      ranges: undefined,
      entry: undefined,
    };
    let callFile = 0;
    let callLine = 0;
    for (let i = 0; i < attributes.length; i += 3) {
      readForm(reader, attributes[i + 1]!, attributes[i + 2]!, header, scratch);
      switch (attributes[i]) {
        case DW_AT.low_pc:
          found.low = { ...scratch };
          break;
        case DW_AT.high_pc:
          found.high = { ...scratch };
          break;
        case DW_AT.ranges:
          found.ranges = { ...scratch };
          break;
        case DW_AT.entry_pc:
          found.entry = { ...scratch };
          break;
        case DW_AT.call_file:
          callFile = scratch.value;
          break;
        case DW_AT.call_line:
          callLine = scratch.value;
          break;
      }
    }
    const hasCode = found.ranges !== undefined || (found.low !== undefined && found.high !== undefined);
    if (!hasCode && !inlined) return -1;
    const index = nodes.length;
    const node: Node = { die, inlined, callFile, callLine, next: index + 1, ranges: EMPTY, entry: undefined };
    nodes.push(node);
    if (hasCode) pending.push({ node, ...found });
    return index;
  }

  try {
    walk();
  } catch (error) {
    if (nodes.length === 0) throw error;
  }
  while (open.length > 0) close();
  return nodes;
}

function* resolve(
  units: DwarfUnits,
  root: UnitRoot,
  { node, low, high, ranges, entry }: Pending,
  base: number,
  budget: RangeBudget,
): Task<void> {
  if (ranges) {
    node.ranges = yield* readRanges(units, root, ranges, base, budget);
    const from = low ?? entry;
    // DW_AT_entry_pc as a constant is an offset from the base, which for a function in parts is its first part (GCC: 0).
    if (from && from.kind !== 'constant') node.entry = yield* units.addressOf(root, from);
    return;
  }
  const start = yield* units.addressOf(root, low);
  if (start === undefined) return;
  const end = (yield* units.addressOf(root, high)) ?? start + high!.value;
  if (end > start) node.ranges = [start, end];
  node.entry = start;
}
