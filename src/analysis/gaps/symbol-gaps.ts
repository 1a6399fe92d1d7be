import type { MinidumpError } from '../../io/index.js';
import { leafName } from '../../reader/leaf-name.js';
import { breakpadPath, keptPath, symbolPaths } from '../../symbols/index.js';
import type { Analysis } from '../analyze.js';
import { countOf, type Gap, guessesText, RANK, type RankedGap, threadsText } from './gap.js';
import { type UsedModule, usedModules } from './used-modules.js';

/** What is missing of the symbols of the modules that are on stacks. */
export function symbolGaps(analysis: Analysis): RankedGap[] {
  return usedModules(analysis).flatMap((used) => {
    const rank = RANK.module + (used.onBlamed ?? 0) * 10;
    return gapsOf(analysis, used).map((gap, i) => ({ rank: rank + i, gap }));
  });
}

type Texts = Pick<Gap, 'kind' | 'missing' | 'cost' | 'remedy' | 'files'>;

function gapsOf(analysis: Analysis, used: UsedModule): Gap[] {
  const { module } = used.module;
  const { debugFile, debugIdentifier, codeIdentifier } = module;
  return textsOf(analysis, used).map((texts) => ({
    ...texts,
    concerns: used.onBlamed === undefined ? 'stacks' : 'crash',
    threads: [...used.threads],
    frames: used.frames,
    module: { name: module.name ?? '', debugFile, debugIdentifier, codeIdentifier },
  }));
}

function textsOf({ world, os }: Analysis, used: UsedModule): Texts[] {
  const { module, name } = used.module;
  const title = name === '' ? 'a module without a name' : name;
  const id = module.debugIdentifier ?? module.codeIdentifier;
  const symbols = world.symbols.known(module, world.pointerSize);
  const problems = symbols?.problems ?? [];
  const found = problems.length === 0 ? '' : `; found and not used: ${problems.join('; ')}`;
  if (symbols?.information === undefined) {
    const cost = `${withoutNames(used)}${guesses(used)}`;
    // It has no file and no lines: with the names of its memory there is no more to have.
    if (isVdso(module.name) && used.named === used.frames) return [];
    if (id === undefined) {
      return [
        {
          kind: 'module-id',
          missing: `an identifier of ${title}, and so its symbols`,
          cost,
          remedy:
            os === 'windows'
              ? 'a dump whose module list has the CodeView record'
              : 'a program linked with --build-id, and a dump whose writer stores it (mdmp dump does)',
        },
      ];
    }
    return [
      {
        kind: 'symbols',
        missing: `symbols of ${title}, ${id}${found}`,
        cost,
        remedy: places(used, os) + inVain(symbols?.absentFrom),
        files: symbolPaths(module).flatMap(({ path }) => (path.includes('/') ? path : [])),
      },
    ];
  }
  const { information, state, files } = symbols;
  const from = files.map(leafName).join(', ');
  const texts: Texts[] = [];
  const broken = (information.problems ?? []).map(({ message }: MinidumpError) => message);
  if (state === 'corrupt' || broken.length > 0) {
    texts.push({
      kind: 'symbols-damaged',
      missing: `parts of the symbols of ${title}: ${from} is damaged${broken.length === 0 ? '' : `: ${broken.join('; ')}`}`,
      cost: `what could be read of it is used; ${countOf(used.frames - used.named, 'frame')} of ${used.frames} without a function`,
      remedy: `${from} copied or made again`,
    });
  }
  const missing = information.missing ?? [];
  if (missing.length > 0) {
    texts.push({
      kind: 'split-debug-information',
      missing: `${missing.join(', ')}, which the symbols of ${title} refer to`,
      cost: 'functions there have no inlined calls and no names but those of the symbol table',
      remedy: 'a .sym file, or a build without split DWARF',
    });
  } else if (used.named === 0) {
    texts.push({
      kind: 'functions',
      missing: `a function at the addresses of ${title}: ${from} has none there${found}`,
      cost: `${withoutNames(used)}${guesses(used)}`,
      remedy: places(used, os),
    });
  } else if (used.lined === 0) {
    texts.push({
      kind: 'lines',
      missing: `files and lines of ${title}: ${from} has function names only${found}`,
      cost: `${framesText(used)} without a file and a line, and without inlined calls`,
      remedy: from.endsWith('.sym')
        ? 'a .sym file made of a program, or of its debug file, that was compiled with -g'
        : places(used, os),
    });
  }
  if (used.scannedFromCertain > 0 && used.named > 0) {
    texts.push({
      kind: 'unwind-information',
      missing: `call frame information of ${title}: ${from} has none that serves there`,
      cost: guessesText(used.scannedFromCertain),
      remedy:
        'a .sym file with STACK records (dump_syms takes them from the program itself), the file that was loaded, with its .eh_frame, or a dump with --type module-headers',
    });
  }
  return texts;
}

function framesText({ frames, threads }: UsedModule): string {
  return `${countOf(frames, 'frame')} of ${threadsText([...threads])}`;
}

/** Without symbols, frames may still have the names that a module in memory exports. */
function withoutNames(used: UsedModule): string {
  const { frames, named, threads } = used;
  if (named === 0) return `${framesText(used)} without function, file and line`;
  const nameless = frames - named;
  const exported = `${countOf(named, 'frame')} of ${threadsText([...threads])} with an exported name only`;
  return nameless === 0
    ? exported
    : `${exported}; ${countOf(nameless, 'frame')} without function, file and line`;
}

function guesses({ scanned, ended }: UsedModule): string {
  const callers = scanned === 0 ? '' : `; ${guessesText(scanned)}`;
  return callers + (ended === 0 ? '' : `; ${countOf(ended, 'stack')} may end there too early`);
}

const isVdso = (name: string | undefined): boolean =>
  name !== undefined && /^(?:linux-gate\.so|\[vdso\]|linux-vdso)/.test(name);

/** Servers that were asked already. */
const inVain = (servers: readonly string[] = []): string =>
  servers.length === 0 ? '' : `; not to be had from ${servers.join(', ')}`;

/** Where the symbols of a module would be found. */
function places(used: UsedModule, os: Analysis['os']): string {
  const { module } = used.module;
  const isElf = module.codeView?.kind === 'elf';
  if (isVdso(module.name)) return 'a dump with its memory (--type module-headers, or full)';
  const debug = keptPath(module, 'debug');
  // Old writers have a GUID in place of the build id: no file is found by that.
  const isFound = isElf || !debug?.startsWith('.build-id/');
  const wanted = [breakpadPath(module), isFound ? debug : undefined]
    .filter((path) => path !== undefined)
    .join(' or ');
  if (wanted === '') return 'a dump whose module list has the CodeView record';
  const isLocal = (os === 'linux' || os === 'android') && module.name?.startsWith('/');
  const local = isLocal ? ', or --use-local-debuginfo where it ran (with its -dbgsym package)' : '';
  // A dump that has .eh_frame of its modules is walked without their files.
  const headers =
    isElf && used.scanned > 0 ? '; callers alone also by a dump with --type module-headers' : '';
  return `${wanted} in a folder of symbols, or a server that has it (--symbol-server)${local}${headers}`;
}
