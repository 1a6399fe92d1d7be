import { type FolderFile, MinidumpError, type Task } from '../../io/index.js';
import type { CfiRow } from '../../object/cfi.js';
import type { DebugInformation, FunctionAt, WindowsFrame } from '../../object/debug-information.js';
import type { ListsSymbols, SymbolListener } from '../../object/index.js';
import type { WantedModule } from '../supplier.js';
import type { FileIdentity, JoinedSymbols } from './opener.js';

type Part = DebugInformation & ListsSymbols;

/** A program and its PDB: functions and lines are in the PDB, call frames of x64 and ARM64 in the program. */
class WindowsInformation implements DebugInformation, ListsSymbols {
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

  *list(listener: SymbolListener): Task<void> {
    yield* this.#pdb.list(listener);
    yield* this.#image.list(framesOnly(listener));
  }
}

/** Of the program only the frames are told: the names that it exports are in its PDB, too. */
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
    list: list ?? (() => information),
  };
}

/** IMAGE_FILE_MACHINE_…, as .sym files name them. */
const CPUS: ReadonlyMap<number, { cpu: string; pointerSize: 4 | 8 }> = new Map([
  [0x14c, { cpu: 'x86', pointerSize: 4 }],
  [0x1c4, { cpu: 'arm', pointerSize: 4 }],
  [0x8664, { cpu: 'x86_64', pointerSize: 8 }],
  [0xaa64, { cpu: 'arm64', pointerSize: 8 }],
] as const);

/** What a .sym file of a program or a PDB begins with. Throws `unsupported` where none is made. */
export function identified(
  file: FolderFile,
  machine: number,
  module: WantedModule,
  kind: FileIdentity['kind'],
): FileIdentity {
  const found = CPUS.get(machine);
  const { debugIdentifier, debugFile, codeIdentifier, name } = module;
  if (found === undefined || debugIdentifier === undefined) {
    const why = found === undefined ? `it is of machine ${machine}` : 'it has no debug identifier';
    throw new MinidumpError('unsupported', `${file.name}: ${why}, so no .sym file is made of it`);
  }
  const sym = {
    os: 'windows',
    cpu: found.cpu,
    debugIdentifier,
    codeIdentifier: codeIdentifier?.toUpperCase(),
    name: debugFile ?? name ?? '',
  };
  return { sym, module, pointerSize: found.pointerSize, kind };
}
