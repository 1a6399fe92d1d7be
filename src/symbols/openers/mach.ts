import { type FolderFile, MinidumpError, type Source, type Task } from '../../io/index.js';
import {
  isMachO,
  MachFile,
  MachSymbolListing,
  machDebugInformation,
  readSlices,
} from '../../object/macho/index.js';
import { leafName } from '../../reader/leaf-name.js';
import type { FileIdentity, IdentifyOptions, JoinedSymbols, Opener, SymbolPart } from './opener.js';

/** Mach-O files: programs and libraries of macOS and iOS, and what dsymutil makes of them. */
export const machOpener: Opener = {
  recognizes: isMachO,

  *identify(file, options) {
    const slices = yield* readSlices(file);
    const identities: FileIdentity[] = [];
    for (const { source } of slices ?? [{ source: file }])
      identities.push(yield* identityOf(source, file.name, options));
    return identities;
  },

  *open(file, { module, decompress }) {
    const identifier = module.debugIdentifier ?? module.codeIdentifier;
    const mach = yield* MachFile.open(file, { decompress, identifier });
    const { debugIdentifier, codeIdentifier } = mach;
    const isSame =
      debugIdentifier !== undefined &&
      (debugIdentifier === module.debugIdentifier?.toUpperCase() || codeIdentifier === module.codeIdentifier);
    return isSame ? new MachPart(mach, file) : { role: 'other', identifier: debugIdentifier };
  },
};

function* identityOf(
  source: Source,
  path: string,
  { decompress, name }: IdentifyOptions,
): Task<FileIdentity> {
  const mach = yield* MachFile.open(source, { decompress });
  const { debugIdentifier, codeIdentifier, cpu, pointerSize, imageSize, architecture } = mach;
  if (debugIdentifier === undefined)
    throw new MinidumpError('unsupported', `${path}: it has no UUID, so nothing would find its symbols`);
  const own = name ?? leafName(path);
  return {
    // dump_syms of macOS writes no code identifier: it is the same.
    sym: { os: 'mac', cpu: CPUS[cpu] ?? cpu, debugIdentifier, name: own },
    module: { name: own, debugFile: own, codeIdentifier, debugIdentifier, SizeOfImage: imageSize },
    pointerSize,
    kind: mach.isDebugFile ? 'debug' : 'module',
    architecture,
  };
}

const CPUS: Readonly<Record<string, string>> = { amd64: 'x86_64', ppc64: 'ppc64' };

class MachPart implements SymbolPart {
  readonly family = 'mach';
  readonly role: 'module' | 'debug';
  /** The linker leaves DWARF in object files: no program has it. */
  readonly complete = false;
  readonly name: string;
  readonly mach: MachFile;

  constructor(mach: MachFile, { name }: FolderFile) {
    this.role = mach.isDebugFile ? 'debug' : 'module';
    this.name = name;
    this.mach = mach;
  }

  *join(other: SymbolPart | undefined): Task<JoinedSymbols> {
    const debug = other instanceof MachPart ? other : undefined;
    const files = { module: this.mach, debug: debug?.mach };
    const information = machDebugInformation(files);
    return {
      information,
      state: 'loaded',
      files: debug === undefined ? [this.name] : [this.name, debug.name],
      get gaps() {
        return information.problems.map(({ message }) => message);
      },
      list: (options) => new MachSymbolListing(files, options),
    };
  }
}
