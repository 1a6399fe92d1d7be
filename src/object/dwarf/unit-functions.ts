import { MinidumpError, type Task } from '../../io/index.js';
import { unlessBroken } from '../broken-parts.js';
import { ByteReader } from '../bytes.js';
import type { Abbreviation } from './abbreviations.js';
import { DW_AT, DW_TAG } from './constants.js';
import { type FormValue, fixedSize, readForm, type UnitEncoding } from './forms.js';
import { FunctionNodes, MAX_NODES } from './function-nodes.js';
import { Intervals } from './intervals.js';
import { RangeBudget, readRanges } from './ranges.js';
import type { ScopeNames } from './scope-names.js';
import type { UnitRoot } from './unit.js';
import type { DwarfUnits } from './units.js';

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

/** Calls inlined into each other, at one address; those of real programs are some tens deep. */
const MAX_CHAIN = 1024;

/** The functions of one unit by address, and what was inlined into them. */
export class UnitFunctions {
  readonly #nodes: FunctionNodes;
  readonly #functions: Intervals;
  /** Bytes that it takes, about. */
  readonly weight: number;

  private constructor(nodes: FunctionNodes) {
    this.#nodes = nodes;
    this.#functions = new Intervals(nodes.functionRanges());
    this.weight = nodes.weight + this.#functions.count * 16;
  }

  /** Reads all DIEs of a unit. Where they are broken, what came before is kept. Throws `malformed` if nothing can be read. */
  static *read(units: DwarfUnits, root: UnitRoot): Task<UnitFunctions> {
    const nodes = new FunctionNodes();
    try {
      yield* collectNodes(units, root, nodes);
    } catch (error) {
      if (nodes.count === 0 || !(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
    }
    return new UnitFunctions(nodes);
  }

  /** The function that covers an address of the file and the calls inlined there, outermost first; empty if there is none. */
  at(address: number): Covering[] {
    const outermost = this.#functions.find(address);
    if (outermost === undefined) return [];
    const chain = [this.#covering(outermost, address)];
    const innermost = this.#innermost(outermost, address);
    for (let i = outermost + 1; i <= innermost && chain.length < MAX_CHAIN; ) {
      const next = this.#nodes.next(i);
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
    const nodes = this.#nodes;
    const end = nodes.next(outermost);
    let found = outermost;
    for (let i = outermost + 1; i < end; ) {
      // A function in a function is one of its own.
      if (!nodes.isInlined(i)) {
        i = nodes.next(i);
        continue;
      }
      if (nodes.covering(i, address) !== undefined) found = i;
      i++;
    }
    return found;
  }

  #covering(index: number, address: number): Covering {
    const nodes = this.#nodes;
    const here = nodes.covering(index, address) ?? address;
    return {
      die: nodes.die(index),
      callFile: nodes.callFile(index),
      callLine: nodes.callLine(index),
      start: nodes.entry(index) ?? nodes.firstStart(index) ?? here,
      rangeStart: here,
    };
  }
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

/** In the place of the number of a node. */
const SCOPE = -2;

const isScope = (tag: number): boolean =>
  tag === DW_TAG.namespace ||
  tag === DW_TAG.class_type ||
  tag === DW_TAG.structure_type ||
  tag === DW_TAG.union_type ||
  tag === DW_TAG.module;

/** So much of a unit is looked at together: units of link-time optimisation have hundreds of megabytes. */
const WINDOW = 256 * 1024;
/** What a DIE takes at most, but for the strangest. */
const LONG_DIE = 4096;

/**
 * Walks all DIEs of a unit once. Types and variables are read over. What comes before a place that is broken is in `nodes`.
 *
 * @param scopes is told of namespaces and types, and of what is declared in them
 */
export function* collectNodes(
  units: DwarfUnits,
  root: UnitRoot,
  nodes: FunctionNodes,
  scopes?: ScopeNames,
): Task<void> {
  const { header } = root;
  const { info } = units.sections;
  const abbreviations = yield* units.abbreviations.at(header.abbrevOffset);
  const base = (yield* unlessBroken(units.addressOf(root, root.lowPc))) ?? 0;
  const budget = new RangeBudget();
  /** The nodes that are open, -1 for other DIEs with children, SCOPE for those of `scopes`. */
  const open: number[] = [];
  const scratch: FormValue = { kind: 'other', value: 0 };
  const plans = new Map<Abbreviation, readonly number[]>();
  const skip = (reader: ByteReader, abbreviation: Abbreviation) => {
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

  let window = WINDOW;
  let start = header.firstDie;
  let reader = new ByteReader(new Uint8Array(), '.debug_info');
  let position = 0;
  try {
    for (;;) {
      const end = start + reader.end;
      const die = start + position;
      if (die >= header.end) return;
      if (end < header.end && reader.end - position < LONG_DIE) {
        start = die;
        position = 0;
        reader = new ByteReader(yield* info.read(die, Math.min(window, header.end - die)), '.debug_info');
      }
      reader.position = position;
      let node: PendingNode | undefined;
      try {
        const code = reader.uleb();
        if (code === 0) {
          const closed = open.pop();
          if (closed === SCOPE) scopes!.leave();
          else if (closed !== undefined) nodes.close(closed);
          if (open.length === 0) return;
          position = reader.position;
          continue;
        }
        const abbreviation = abbreviations.get(code);
        if (abbreviation === undefined) return;
        const { tag, attributes, hasChildren } = abbreviation;
        let index = -1;
        if (tag === DW_TAG.subprogram || tag === DW_TAG.inlined_subroutine) {
          const inlined = tag === DW_TAG.inlined_subroutine;
          node = readNode(reader, header, attributes);
          if (node.hasCode || inlined) {
            if (nodes.count >= MAX_NODES) return;
            index = nodes.add(die, inlined, node.callFile, node.callLine, node.origin);
          } else node = undefined;
          if (!inlined) scopes?.declare(die);
        } else if (scopes !== undefined && hasChildren && isScope(tag)) {
          index = SCOPE;
          scopes.enter(readName(reader, header, attributes, start));
        } else skip(reader, abbreviation);
        if (hasChildren) open.push(index);
        position = reader.position;
      } catch (error) {
        if (start + reader.end >= header.end) throw error;
        // It may only be longer than the window: once more, with more of it.
        start = die;
        position = 0;
        window *= 16;
        reader = new ByteReader(yield* info.read(die, Math.min(window, header.end - die)), '.debug_info');
        continue;
      }
      if (node?.hasCode && !takeDirectRange(node, nodes))
        yield* unlessBroken(resolve(units, root, node, nodes, base, budget));
      if (open.length === 0) return;
    }
  } finally {
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (index !== SCOPE) nodes.close(index);
    }
  }
}

/** DW_AT_name of a DIE whose attributes come next. */
function readName(
  reader: ByteReader,
  unit: UnitEncoding,
  attributes: readonly number[],
  start: number,
): FormValue | undefined {
  let name: FormValue | undefined;
  const scratch: FormValue = { kind: 'other', value: 0 };
  for (let i = 0; i < attributes.length; i += 3) {
    const from = reader.position;
    readForm(reader, attributes[i + 1]!, attributes[i + 2]!, unit, scratch);
    if (attributes[i] !== DW_AT.name) continue;
    name = { ...scratch };
    // Its place in the section: the reader begins somewhere in the unit.
    if (name.kind === 'text-here') name.value = start + from;
  }
  return name;
}

/** What a DIE says of the code of a function or an inlined call, before addresses and lists are looked up. */
interface PendingNode {
  hasCode: boolean;
  callFile: number;
  callLine: number;
  origin: number;
  low: FormValue | undefined;
  high: FormValue | undefined;
  ranges: FormValue | undefined;
  entry: FormValue | undefined;
}

function readNode(reader: ByteReader, unit: UnitEncoding, attributes: readonly number[]): PendingNode {
  const node: PendingNode = {
    hasCode: false,
    callFile: 0,
    callLine: 0,
    origin: 0,
    low: undefined,
    high: undefined,
    ranges: undefined,
    entry: undefined,
  };
  const scratch: FormValue = { kind: 'other', value: 0 };
  for (let i = 0; i < attributes.length; i += 3) {
    readForm(reader, attributes[i + 1]!, attributes[i + 2]!, unit, scratch);
    switch (attributes[i]) {
      case DW_AT.low_pc:
        node.low = { ...scratch };
        break;
      case DW_AT.high_pc:
        node.high = { ...scratch };
        break;
      case DW_AT.ranges:
        node.ranges = { ...scratch };
        break;
      case DW_AT.entry_pc:
        node.entry = { ...scratch };
        break;
      case DW_AT.call_file:
        node.callFile = scratch.value;
        break;
      case DW_AT.call_line:
        node.callLine = scratch.value;
        break;
      case DW_AT.abstract_origin:
        if (scratch.kind === 'reference') node.origin = scratch.value;
        break;
    }
  }
  node.hasCode = node.ranges !== undefined || (node.low !== undefined && node.high !== undefined);
  return node;
}

/** The range of the node that was added last, if nothing need be looked up for it: most are so before DWARF 5. */
function takeDirectRange({ low, high, ranges }: PendingNode, nodes: FunctionNodes): boolean {
  if (ranges || low?.kind !== 'address' || high?.kind !== 'constant') return false;
  if (high.value > 0) nodes.addRange(low.value, low.value + high.value);
  nodes.setEntry(low.value);
  return true;
}

/** The same with all that may have to be looked up. */
function* resolve(
  units: DwarfUnits,
  root: UnitRoot,
  { low, high, ranges, entry }: PendingNode,
  nodes: FunctionNodes,
  base: number,
  budget: RangeBudget,
): Task<void> {
  if (ranges) {
    const found = yield* readRanges(units, root, ranges, base, budget);
    for (let i = 0; i < found.length; i += 2) nodes.addRange(found[i]!, found[i + 1]!);
    const from = low ?? entry;
    // DW_AT_entry_pc as a constant is an offset from the base, which for a function in parts is its first part (GCC: 0).
    if (from && from.kind !== 'constant') nodes.setEntry(yield* units.addressOf(root, from));
    return;
  }
  const start = yield* units.addressOf(root, low);
  if (start === undefined) return;
  const end = (yield* units.addressOf(root, high)) ?? start + high!.value;
  if (end > start) nodes.addRange(start, end);
  nodes.setEntry(start);
}
