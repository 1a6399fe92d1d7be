import type { FolderFile, MinidumpError, Task } from '../../io/index.js';
import type { CfiRow } from '../../object/cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from '../../object/debug-information.js';
import type { ListsSymbols, SymbolListener, SymbolListingOptions } from '../../object/index.js';
import type { WantedModule } from '../supplier.js';
import { type FileIdentity, type JoinedSymbols, otherMachine } from './opener.js';

interface Part extends DebugInformation, ListsSymbols {
  list(listener: SymbolListener, options?: SymbolListingOptions): Task<void>;
}

/** A program and its PDB: functions and lines are in the PDB, call frames of x64 and ARM64 in the program. */
class WindowsInformation implements Part {
  readonly #image: Part;
  readonly #pdb: Part;

  constructor(image: Part, pdb: Part) {
    this.#image = image;
    this.#pdb = pdb;
  }

  get problems(): readonly MinidumpError[] {
    return [...(this.#pdb.problems ?? []), ...(this.#image.problems ?? [])];
  }

  *functionAt(rva: number): Task<FunctionAt | undefined> {
    return (yield* this.#pdb.functionAt(rva)) ?? (yield* this.#image.functionAt(rva));
  }

  *isCode(rva: number): Task<boolean | undefined> {
    return this.#image.isCode && (yield* this.#image.isCode(rva));
  }

  *cfiAt(rva: number, inCall?: boolean): Task<CfiRow | undefined> {
    return yield* this.#image.cfiAt(rva, inCall);
  }

  *windowsFrameAt(rva: number): Task<WindowsFrame | undefined> {
    return yield* this.#pdb.windowsFrameAt(rva);
  }

  *list(listener: SymbolListener, options: SymbolListingOptions = {}): Task<void> {
    yield* this.#pdb.list(listener, options);
    // Of the program only the frames: the names that it exports are in its PDB, too.
    if (options.cfi !== false) yield* this.#image.list(framesOnly(listener), { inlines: false });
  }
}

/** Passes on call frames, and nothing else. */
function framesOnly(listener: SymbolListener): SymbolListener {
  const nothing = () => {};
  const nowhere = () => 0;
  return {
    file: nowhere,
    origin: nowhere,
    function: nothing,
    line: nothing,
    inline: nothing,
    publicSymbol: nothing,
    cfi: (start, size, rules) => listener.cfi(start, size, rules),
    cfiDelta: (start, rules) => listener.cfiDelta(start, rules),
    windowsFrame: (frame) => listener.windowsFrame(frame),
  };
}

/** @param list what is told, if it is not what both know */
export function joinedOfWindows(
  image: Part | undefined,
  pdb: Part | undefined,
  files: readonly string[],
  list?: JoinedSymbols['list'],
): JoinedSymbols {
  const information =
    image !== undefined && pdb !== undefined ? new WindowsInformation(image, pdb) : (image ?? pdb)!;
  return {
    information,
    state: 'loaded',
    files,
    get gaps() {
      return (information.problems ?? []).map(({ message }) => message);
    },
    list:
      list ??
      ((options) => ({
        get problems() {
          return information.problems ?? [];
        },
        list: (listener) => information.list(listener, options),
      })),
  };
}

/** IMAGE_FILE_MACHINE_…, as .sym files name them. */
const CPUS: ReadonlyMap<number, { cpu: string; pointerSize: 4 | 8 }> = new Map([
  [0x14c, { cpu: 'x86', pointerSize: 4 }],
  [0x1c4, { cpu: 'arm', pointerSize: 4 }],
  [0x8664, { cpu: 'x86_64', pointerSize: 8 }],
  [0xaa64, { cpu: 'arm64', pointerSize: 8 }],
] as const);

/** Where no debug directory has one: as symbolic, and so Mozilla's dump_syms, writes it. */
const NO_IDENTIFIER = '0'.repeat(33);

/** What a .sym file of a program or a PDB begins with. Throws `unsupported` where none is made. */
export function identified(
  file: FolderFile,
  machine: number,
  module: WantedModule,
  kind: FileIdentity['kind'],
): FileIdentity {
  const found = CPUS.get(machine);
  const { debugIdentifier = NO_IDENTIFIER, debugFile, codeIdentifier, name } = module;
  if (found === undefined) throw otherMachine(file, machine);
  const sym = {
    os: 'windows',
    cpu: found.cpu,
    debugIdentifier,
    codeIdentifier: codeIdentifier?.toUpperCase(),
    codeFile: kind === 'module' ? name : undefined,
    name: debugFile ?? name ?? '',
  };
  return { sym, module, pointerSize: found.pointerSize, kind };
}
