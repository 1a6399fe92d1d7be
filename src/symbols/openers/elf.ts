import { type FolderFile, MinidumpError, type Task } from '../../io/index.js';
import { unlessBroken } from '../../object/broken-parts.js';
import { crc32Of } from '../../object/crc32.js';
import { ElfDebugInformation } from '../../object/elf-debug-information.js';
import { ElfFile } from '../../object/elf-file.js';
import { EM_386, EM_AARCH64, EM_ARM, EM_X86_64 } from '../../object/elf-machines.js';
import { SHT_NOBITS } from '../../object/elf-sections.js';
import { ElfSymbolListing } from '../../object/elf-symbol-listing.js';
import { buildIdAsGuid, hex } from '../../reader/index.js';
import { leafName } from '../../reader/leaf-name.js';
import { missingFile } from '../companions.js';
import { plainName, type WantedModule } from '../supplier.js';
import {
  type JoinedSymbols,
  type Opener,
  type Opening,
  otherMachine,
  type SymbolPart,
  startsWith,
} from './opener.js';

/** ELF files: the module itself, or what was split off from it. */
export const elfOpener: Opener = {
  recognizes: (head) => startsWith(head, '\x7fELF'),

  *identify(file, { decompress, name }) {
    const elf = yield* ElfFile.open(file, { decompress });
    const cpu = CPUS.get(elf.machine);
    if (cpu === undefined) throw otherMachine(file, elf.machine);
    const buildId = (yield* elf.buildId()) ?? (yield* elf.textId());
    if (buildId === undefined) {
      throw new MinidumpError('unsupported', `${file.name}: it has neither a build id nor code`, {
        advice: 'Nothing would find its symbols. Link with -Wl,--build-id',
      });
    }
    // What was split off is named after the file that was loaded: that is what a dump knows.
    const leaf = leafName(file.name);
    const isDebug = isSplitOff(elf);
    const own = name ?? (isDebug ? leaf.replace(/\.debug$/, '') : leaf);
    const codeIdentifier = hex(buildId);
    const debugIdentifier = buildIdAsGuid(buildId);
    return {
      sym: { os: 'Linux', cpu, debugIdentifier, codeIdentifier: codeIdentifier.toUpperCase(), name: own },
      module: { name: own, debugFile: own, codeIdentifier, debugIdentifier, SizeOfImage: elf.imageSize },
      pointerSize: elf.pointerSize,
      kind: isDebug ? 'debug' : 'module',
    };
  },

  *open(file, { module, decompress }) {
    const elf = yield* ElfFile.open(file, { decompress });
    if (!(yield* isOf(elf, file.name, module))) {
      const buildId = yield* elf.buildId();
      return { role: 'other', identifier: buildId && hex(buildId) };
    }
    return new ElfPart(elf, file);
  },
};

/** As .sym files name them. */
const CPUS: ReadonlyMap<number, string> = new Map([
  [EM_386, 'x86'],
  [EM_ARM, 'arm'],
  [EM_X86_64, 'x86_64'],
  [EM_AARCH64, 'arm64'],
]);

/** A debug file keeps the headers of the sections that it was split off from. */
const isSplitOff = (elf: ElfFile): boolean =>
  elf.sections.some((one) => one.name === '.text' && one.type === SHT_NOBITS);

class ElfPart implements SymbolPart {
  readonly family = 'elf';
  readonly role: 'module' | 'debug';
  readonly complete: boolean;
  readonly name: string;
  readonly elf: ElfFile;

  constructor(elf: ElfFile, { name }: FolderFile) {
    this.role = isSplitOff(elf) ? 'debug' : 'module';
    this.complete = this.role === 'module' && elf.sections.some((one) => /^\.z?debug_info$/.test(one.name));
    this.name = name;
    this.elf = elf;
  }

  *join(other: SymbolPart | undefined, opening: Opening): Task<JoinedSymbols> {
    const split =
      other instanceof ElfPart
        ? other
        : this.role === 'module'
          ? yield* linkedDebugFile(this, opening)
          : undefined;
    const dwarf = split ?? this;
    const companions = opening.companionsOf(dwarf.name);
    const supplementary = yield* supplementaryOf(dwarf, opening);
    const debugFiles = {
      module: this.elf,
      debug: split?.elf,
      supplementary: supplementary?.elf,
      split: {
        files: companions,
        packageNames: [...new Set([`${this.name}.dwp`, `${dwarf.name}.dwp`])],
      },
    };
    const information = new ElfDebugInformation(debugFiles);
    const unsure = hasId(opening.module)
      ? []
      : [`${this.name} has no build id: it was taken for its name and size`];
    return {
      information,
      state: 'loaded',
      files: [this, split, supplementary].flatMap((part) => part?.name ?? []),
      get gaps() {
        return [...unsure, ...gapsOf(information)];
      },
      list: (options) => new ElfSymbolListing(debugFiles, options),
    };
  }
}

/** The file that `.gnu_debuglink` names: the same build id says that it is the one, without one the checksum of all of it. */
function* linkedDebugFile(module: ElfPart, opening: Opening): Task<ElfPart | undefined> {
  const link = yield* unlessBroken(module.elf.debugLink());
  if (link === undefined) return undefined;
  const buildId = yield* unlessBroken(module.elf.buildId());
  const found = yield* opening.companionsOf(module.name).find(link.name, function* take(elf, file) {
    const its = yield* elf.buildId();
    const same =
      buildId === undefined || its === undefined
        ? (yield* crc32Of(elf.source)) === link.crc
        : hex(its) === hex(buildId);
    return same ? new ElfPart(elf, file) : undefined;
  });
  return found?.value;
}

/** The file that dwz moved text and types of several debug files into. */
function* supplementaryOf(part: ElfPart, opening: Opening): Task<ElfPart | undefined> {
  const link = yield* unlessBroken(part.elf.supplementaryLink());
  if (link === undefined) return undefined;
  const wanted = hex(link.buildId);
  const found = yield* opening.companionsOf(part.name).find(
    link.name,
    function* take(elf, file) {
      const id = yield* elf.supplementaryId();
      return id !== undefined && hex(id) === wanted ? new ElfPart(elf, file) : undefined;
    },
    wanted,
  );
  return found?.value;
}

function gapsOf(information: ElfDebugInformation): string[] {
  return [...information.problems.map(({ message }) => message), ...information.missing.map(missingFile)];
}

/** By the id of both; where neither has one, by name and size of the module. */
function* isOf(elf: ElfFile, name: string, module: WantedModule): Task<boolean> {
  const id = (yield* elf.buildId()) ?? (hasId(module) ? yield* elf.textId() : undefined);
  if (id !== undefined) return isBuildIdOf(id, module);
  return (
    !hasId(module) &&
    elf.imageSize === module.SizeOfImage &&
    plainName(name) !== undefined &&
    plainName(name) === plainName(module.name)
  );
}

const hasId = ({ codeIdentifier, debugIdentifier }: WantedModule): boolean =>
  codeIdentifier !== undefined || debugIdentifier !== undefined;

function isBuildIdOf(buildId: Uint8Array, { codeIdentifier, debugIdentifier }: WantedModule): boolean {
  return hex(buildId) === codeIdentifier || buildIdAsGuid(buildId) === debugIdentifier;
}
