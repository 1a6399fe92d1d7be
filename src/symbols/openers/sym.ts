import { BytesSource, type CachedSource, type FolderFile, MinidumpError, type Task } from '../../io/index.js';
import { parseSymFile, SymIndex, writeSymIndex } from '../../object/breakpad/index.js';
import { isIdOf, type Opener, type Opening, type OtherBuild, type SymbolPart, startsWith } from './opener.js';

/** Breakpad's .sym files, by an index that is made once and kept. */
export const symOpener: Opener = {
  recognizes: (head) => startsWith(head, 'MODULE '),

  *open(file, opening, head) {
    const id = /^MODULE \S+ \S+ (\S+)/.exec(new TextDecoder('latin1').decode(head))?.[1];
    // Others need not be read.
    if (id !== undefined && !isIdOf(id, opening.module)) return { role: 'other', identifier: id };
    const { module, pointerSize, cache } = opening;
    const key = `sym-${module.debugIdentifier}-${pointerSize}-${file.stamp}-${file.name}`;
    const kept = cache?.open(key);
    if (kept !== undefined) {
      const index = yield* fromCache(kept, opening);
      if (index !== undefined) return partOf(index, file, opening);
    }
    const bytes = writeSymIndex(yield* parseSymFile(file));
    const index = yield* SymIndex.open(new BytesSource(bytes), { pointerSize });
    const part = partOf(index, file, opening);
    if (part.role !== 'other') cache?.store(key, [bytes]);
    return part;
  },
};

function* fromCache(kept: CachedSource, { pointerSize, blocks, open }: Opening): Task<SymIndex | undefined> {
  try {
    const index = yield* SymIndex.open(kept, { pointerSize, blocks });
    open.add(kept);
    return index;
  } catch (error) {
    kept.close();
    // It is of another version, or damaged: made anew.
    if (error instanceof MinidumpError) return undefined;
    throw error;
  }
}

/** A file without a MODULE record is of whatever module it was found for, if it is a .sym file at all. */
function partOf(index: SymIndex, file: FolderFile, { module }: Opening): SymbolPart | OtherBuild {
  const id = index.module?.id;
  const matches = id === undefined ? !index.corrupt : isIdOf(id, module);
  if (!matches) return { role: 'other', identifier: id };
  const state = index.corrupt ? 'corrupt' : 'loaded';
  return {
    role: 'whole',
    family: 'sym',
    name: file.name,
    complete: true,
    *join() {
      return { information: index, state, files: [file.name], gaps: [] };
    },
  };
}
