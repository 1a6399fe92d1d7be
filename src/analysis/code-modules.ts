import type { Module, UnloadedModule } from '../reader/index.js';
import type { CodeModule } from '../unwind/index.js';
import { leafName } from './platform.js';

/** A loaded module, as unwinding and reports need it. */
export interface LoadedModule extends CodeModule {
  readonly end: bigint;
  readonly module: Module;
}

/** Loaded modules by address. Of two that overlap the one that starts lower counts, as in rust-minidump. */
export class ModuleMap {
  readonly all: readonly LoadedModule[];
  /** As the dump has them: the first is the program. */
  readonly inFileOrder: readonly Module[];

  constructor(modules: readonly Module[]) {
    this.inFileOrder = modules;
    const sorted = modules
      .map((module) => ({
        module,
        base: module.BaseOfImage,
        size: module.SizeOfImage,
        end: module.BaseOfImage + BigInt(module.SizeOfImage),
        name: leafName(module.name ?? ''),
      }))
      .filter(({ size, end }) => size !== 0 && end < 1n << 64n)
      .sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
    const all: LoadedModule[] = [];
    for (const one of sorted) if (one.base >= (all.at(-1)?.end ?? 0n)) all.push(one);
    this.all = all;
  }

  at(address: bigint): LoadedModule | undefined {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.all[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.all[low];
    return found !== undefined && address >= found.base ? found : undefined;
  }

  get highestEnd(): bigint {
    return this.all.at(-1)?.end ?? 0n;
  }
}

/** A module that was unloaded, and where in it an address is. */
export interface UnloadedHit {
  readonly name: string;
  /** Ascending; the same file may have been there several times. */
  readonly offsets: readonly bigint[];
}

/** What was unloaded from where an address is, by name. */
export function unloadedAt(modules: readonly UnloadedModule[], address: bigint): UnloadedHit[] {
  const offsets = new Map<string, Set<bigint>>();
  for (const { name, BaseOfImage, SizeOfImage } of modules) {
    if (address < BaseOfImage || address >= BaseOfImage + BigInt(SizeOfImage)) continue;
    const known = offsets.get(name ?? '') ?? new Set();
    offsets.set(name ?? '', known.add(address - BaseOfImage));
  }
  return [...offsets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, found]) => ({ name, offsets: [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) }));
}
