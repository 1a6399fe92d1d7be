import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import type { SectionData } from '../section-data.js';

/**
 * Objects that were compiled at link time (/LTCG) name what another module knows: such an index has its highest bit set, then the number
 * of one of the modules that this one imports from, then the number of an import from it.
 */
export const isCrossModule = (index: number): boolean => index >= 0x8000_0000;
const moduleOf = (index: number) => (index >>> 20) & 0x7ff;
const importOf = (index: number) => index & 0xf_ffff;

/** What a module calls by an index of its own. */
export interface CrossModuleName {
  /** Offset in /names of the name of the other module. */
  readonly module: number;
  /** The index by which that one exports it. */
  readonly local: number;
}

/** DEBUG_S_CROSSSCOPEIMPORTS: the n-th import of the m-th module in it. */
export function* importedName(imports: SectionData, index: number): Task<CrossModuleName | undefined> {
  let at = 0;
  for (let module = 0; at + 8 <= imports.size; module++) {
    const reader = new ByteReader(yield* imports.read(at, 8), imports.name);
    const name = reader.u32();
    const count = reader.u32();
    if (module === moduleOf(index)) {
      if (importOf(index) >= count) return undefined;
      const local = yield* imports.read(at + 8 + importOf(index) * 4, 4);
      return { module: name, local: new ByteReader(local, imports.name).u32() };
    }
    at += 8 + count * 4;
  }
  return undefined;
}

/** DEBUG_S_CROSSSCOPEEXPORTS: the index in the type streams of what a module exports by an index of its own. */
export function* exportedIndex(exports: SectionData, local: number): Task<number | undefined> {
  const bytes = yield* exports.read(0, exports.size);
  const reader = new ByteReader(bytes, exports.name);
  while (reader.left >= 8) {
    const own = reader.u32();
    const global = reader.u32();
    if (own === local) return global;
  }
  return undefined;
}
