import type { Task } from '../io/index.js';
import { upperBound } from '../object/number-list.js';
import type { CpuContext, MemoryView, Minidump, Module } from '../reader/index.js';
import { pointerSizeOf } from '../reader/index.js';
import { fetchStack } from '../unwind/index.js';
import { type LoadedModule, ModuleMap } from './code-modules.js';

/** Of all stacks together so much is looked at, in bytes: what is left out is fetched when a stack comes there. */
const MOST = 64 << 20;

/**
 * The modules that stacks may come through: those that a register or a word of a stack points into. That is more than there are in the
 * frames, and less than there are: what has to be fetched from far away can be fetched at once, before the stacks are walked.
 *
 * @param crashedThreadOnly of that thread only, as `analyze` with the same option
 */
export function* modulesOnStacks(dump: Minidump, crashedThreadOnly = false): Task<Module[]> {
  const system = yield* dump.systemTask();
  const exception = yield* dump.tryTask('exception');
  const threads = (yield* dump.tryTask('threads')) ?? [];
  const memory = yield* dump.memoryTask();
  const pointerSize = pointerSizeOf(system);
  const touched = new Touched(new ModuleMap((yield* dump.tryTask('modules')) ?? []).all);
  let left = MOST;
  for (const { ThreadId, Stack, context: own } of threads) {
    if (touched.isAll || left <= 0) break;
    const crashed = ThreadId === exception?.ThreadId;
    if (crashedThreadOnly && exception !== undefined && !crashed) continue;
    const stack = { start: Stack.StartOfMemoryRange, size: Stack.Memory.DataSize };
    const contexts = [crashed ? exception?.context : undefined, own].filter((one) => one !== undefined);
    for (const context of contexts)
      left -= yield* lookAt(context, stack, {
        memory,
        littleEndian: dump.littleEndian,
        pointerSize,
        left,
        touched,
      });
  }
  return touched.modules;
}

interface Look {
  readonly memory: MemoryView;
  readonly littleEndian: boolean;
  readonly pointerSize: 4 | 8;
  readonly left: number;
  readonly touched: Touched;
}

/** Returns how many bytes were looked at. */
function* lookAt(
  context: CpuContext,
  stack: { readonly start: bigint; readonly size: number },
  { memory, littleEndian, pointerSize, left, touched }: Look,
): Task<number> {
  for (const name of context.registerNames) touched.by(Number(context.register(name)));
  const captured = yield* fetchStack(memory, stack, context.stackPointer, littleEndian, left);
  for (const view of captured.views) {
    for (let at = 0; at + pointerSize <= view.byteLength; at += pointerSize) {
      const first = view.getUint32(at, littleEndian);
      if (pointerSize === 4) touched.by(first);
      else {
        const second = view.getUint32(at + 4, littleEndian);
        touched.by(littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second);
      }
    }
  }
  return captured.size;
}

/** Which modules addresses are in. Addresses are numbers here: a few bytes more or less at the ends of a module do no harm. */
class Touched {
  readonly #ends: Float64Array;
  readonly #bases: Float64Array;
  readonly #all: readonly LoadedModule[];
  readonly #seen: Uint8Array;
  #count = 0;

  /** @param all by address */
  constructor(all: readonly LoadedModule[]) {
    this.#all = all;
    this.#bases = Float64Array.from(all, ({ base }) => Number(base));
    this.#ends = Float64Array.from(all, ({ end }) => Number(end));
    this.#seen = new Uint8Array(all.length);
  }

  get isAll(): boolean {
    return this.#count === this.#all.length;
  }

  get modules(): Module[] {
    return this.#all.filter((_, i) => this.#seen[i] === 1).map(({ module }) => module);
  }

  by(address: number): void {
    // A return address behind the last instruction of a module is in it, too.
    if (!(address >= this.#bases[0]! && address <= this.#ends.at(-1)!)) return;
    const at = upperBound(this.#ends, address - 1);
    if (at < this.#ends.length && address >= this.#bases[at]! && this.#seen[at] === 0) {
      this.#seen[at] = 1;
      this.#count++;
    }
  }
}
