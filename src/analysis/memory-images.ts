import type { Task } from '../io/index.js';
import {
  type DebugInformation,
  ElfImageInformation,
  type ImageReader,
  PeImageInformation,
} from '../object/index.js';
import type { MemoryView } from '../reader/index.js';
import type { LoadedModule } from './code-modules.js';

/** What modules tell of themselves where the dump holds their memory, as one with all memory does. Each is looked at once. */
export class MemoryImages {
  readonly #memory: MemoryView;
  readonly #known = new Map<LoadedModule, DebugInformation | undefined>();

  constructor(memory: MemoryView) {
    this.#memory = memory;
  }

  *of(module: LoadedModule): Task<DebugInformation | undefined> {
    if (this.#known.has(module)) return this.#known.get(module);
    const memory = this.#memory;
    const { base, size } = module;
    const read: ImageReader = function* (offset, length) {
      // What lies beyond the module is another's.
      if (offset < 0n || offset + BigInt(length) > BigInt(size)) return undefined;
      return yield* memory.readTask(base + offset, length);
    };
    const information =
      (yield* ElfImageInformation.open(base, read)) ?? (yield* PeImageInformation.open(base, read));
    this.#known.set(module, information);
    return information;
  }
}
