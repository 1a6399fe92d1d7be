import type { SymbolListener } from '../../symbol-listing.js';
import type { ListBudget } from '../entry-table.js';
import { type FrameEntry, INSTRUCTION, operationsAt } from './frame-entry.js';
import { type FrameState, undo } from './frame-state.js';

const registerText = (name: string) => (name === 'fp' ? 'x29' : name === 'lr' ? 'x30' : name);

/** By the name of what each is the rule of. */
type Rules = ReadonlyMap<string, string>;

/** The rules at one place as text; undefined for frames that STACK CFI cannot tell of. */
function rulesOf(state: FrameState | undefined): Rules | undefined {
  if (state === undefined || state.special !== undefined) return undefined;
  const { end, saved } = state;
  const rules = new Map([['.cfa', `${registerText(end.register)} ${end.offset} +`]]);
  const byOffset = [...saved].sort(([, a], [, b]) => a.offset - b.offset);
  for (const [name, place] of byOffset) {
    const distance = place.offset - end.offset;
    rules.set(
      registerText(name),
      place.register === end.register
        ? `.cfa ${distance} + ^`
        : `${registerText(place.register)} ${place.offset} + ^`,
    );
  }
  rules.set('.ra', rules.get('x30') ?? 'x30');
  return rules;
}

const textOf = (rules: Rules) => [...rules].map(([name, rule]) => `${name}: ${rule}`).join(' ');

/**
 * What changes from instruction to instruction: prologue, body, each epilogue. Takes the number of operations that it looks at from the budget;
 * where that is not enough, what comes later is left out.
 */
export function listRules(
  start: number,
  entry: FrameEntry,
  listener: SymbolListener,
  budget: ListBudget,
): void {
  budget.left -= entry.prologue.length + entry.epilogues.length;
  let before = rulesOf(undo(operationsAt(entry, 0)));
  if (before === undefined) return;
  listener.cfi(start, entry.length, textOf(before));
  for (const offset of places(entry, budget)) {
    if (budget.left < 0) break;
    const operations = operationsAt(entry, offset);
    budget.left -= operations.length + 1;
    const rules = rulesOf(undo(operations));
    if (rules === undefined) continue;
    const changed = new Map([...rules].filter(([name, rule]) => before!.get(name) !== rule));
    // A register that was given back is what it is now.
    for (const name of before.keys()) if (!rules.has(name)) changed.set(name, name);
    if (changed.size > 0) listener.cfiDelta(start + offset, textOf(changed));
    before = rules;
  }
}

/** Where the rules may change, in order. */
function places(entry: FrameEntry, budget: ListBudget): readonly number[] {
  const offsets = new Set<number>();
  const add = (from: number, count: number) => {
    for (let i = 0; i <= count; i++) offsets.add(from + i * INSTRUCTION);
    budget.left -= count;
  };
  add(0, entry.prologue.length);
  for (const { start, operations } of entry.epilogues) {
    if (budget.left < 0) break;
    add(start, operations.length + 1);
  }
  const inside = [...offsets].filter((offset) => offset > 0 && offset < entry.length);
  return inside.sort((a, b) => a - b);
}
