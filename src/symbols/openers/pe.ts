import type { FolderFile, Task } from '../../io/index.js';
import type { ListsSymbols, SymbolListingOptions } from '../../object/index.js';
import { PeDebugInformation, PeFile, PeSymbolListing } from '../../object/pe/index.js';
import { leafName } from '../../reader/leaf-name.js';
import { isIdOf, type JoinedSymbols, type Opener, type SymbolPart, startsWith } from './opener.js';
import { PdbPart } from './pdb.js';
import { identified, joinedOfWindows } from './windows.js';

/** PE files: programs and libraries of Windows. */
export const peOpener: Opener = {
  recognizes: (head) => startsWith(head, 'MZ'),

  *identify(file, { decompress, name }) {
    const pe = yield* PeFile.open(file, { decompress });
    const own = name ?? leafName(file.name);
    // A file without a debug directory is found by nothing but its code identifier.
    const { debugIdentifier, codeIdentifier, pdbName, machine } = pe;
    const ids = { debugIdentifier, codeIdentifier, debugFile: leafName(pdbName ?? own) };
    return identified(file, machine, { ...ids, name: own, SizeOfImage: pe.imageSize }, 'module');
  },

  *open(file, { module, decompress }) {
    const pe = yield* PeFile.open(file, { decompress });
    const { debugIdentifier, codeIdentifier } = pe;
    const isSame = codeIdentifier.toLowerCase() === module.codeIdentifier || isIdOf(debugIdentifier, module);
    return isSame ? new PePart(pe, file) : { role: 'other', identifier: codeIdentifier };
  },
};

class PePart implements SymbolPart {
  readonly family = 'windows';
  readonly role = 'module';
  readonly complete: boolean;
  readonly name: string;
  readonly pe: PeFile;

  constructor(pe: PeFile, { name }: FolderFile) {
    // mingw puts DWARF into the program itself.
    this.complete = pe.sections.some((one) => one.name === '.debug_info');
    this.name = name;
    this.pe = pe;
  }

  *join(other: SymbolPart | undefined): Task<JoinedSymbols> {
    const pdb = other instanceof PdbPart ? other : undefined;
    const files = pdb === undefined ? [this.name] : [this.name, pdb.name];
    const information = new PeDebugInformation(this.pe);
    return joinedOfWindows(information, pdb?.information, files, pdb ? undefined : this.#lister);
  }

  /** What is told without a PDB. */
  readonly #lister = (options: SymbolListingOptions): ListsSymbols => {
    const listing = new PeSymbolListing(this.pe, options);
    const { pdbName } = this.pe;
    return {
      missing: pdbName === undefined || this.complete ? [] : [leafName(pdbName)],
      get problems() {
        return listing.problems;
      },
      list: (listener) => listing.list(listener),
    };
  };
}
