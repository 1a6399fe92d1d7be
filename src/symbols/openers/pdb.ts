import type { FolderFile, Task } from '../../io/index.js';
import { isPdb, PdbDebugInformation, PdbFile } from '../../object/pdb/index.js';
import { leafName } from '../../reader/leaf-name.js';
import { isIdOf, type JoinedSymbols, type Opener, type SymbolPart } from './opener.js';
import { identified, joinedOfWindows } from './windows.js';

/** PDBs: what Windows' compilers write for debuggers. */
export const pdbOpener: Opener = {
  recognizes: isPdb,

  *identify(file, { name }) {
    const { debugIdentifier, machine } = yield* PdbFile.open(file);
    const own = name ?? leafName(file.name);
    const ids = { debugIdentifier, codeIdentifier: undefined, debugFile: own };
    return identified(file, machine, { ...ids, name: own }, 'debug');
  },

  *open(file, { module }) {
    const pdb = yield* PdbFile.open(file);
    const { debugIdentifier } = pdb;
    return isIdOf(debugIdentifier, module)
      ? new PdbPart(pdb, file)
      : { role: 'other', identifier: debugIdentifier };
  },
};

export class PdbPart implements SymbolPart {
  readonly family = 'windows';
  readonly role = 'debug';
  /** Call frames of x64 are in the program. */
  readonly complete = false;
  readonly name: string;
  readonly information: PdbDebugInformation;

  constructor(pdb: PdbFile, { name }: FolderFile) {
    this.name = name;
    this.information = new PdbDebugInformation(pdb);
  }

  *join(): Task<JoinedSymbols> {
    return joinedOfWindows(undefined, this.information, [this.name]);
  }
}
