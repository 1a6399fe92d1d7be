import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, it } from 'vitest';
import { runSync } from '../../../src/io/index.js';
import { demangle } from '../../../src/object/demangle/index.js';
import { machDebugInformation } from '../../../src/object/macho/index.js';
import { describeWith, needsCorpus, root } from '../../support/tools.js';
import { openSym } from '../breakpad/open.js';
import { crash, crashDebug, crashSym, machProgram, machTools, openMach } from './programs.js';

/** Without arguments, of functions and of templates: dump_syms has words of its own for them. It leaves return types out, too. */
function plain(name: string): string {
  let text = name.replace(/operator(?:<<|>>|<|>|->|\(\))/g, 'operator');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/<[^<>()]*>|\([^<>()]*\)/g, '');
  }
  return text.replace(/ const$/, '');
}
const sameName = (ours: string, theirs: string) => plain(demangle(ours)).endsWith(plain(theirs));
/** It makes paths simpler. */
const path = (file: string | undefined) => file && posix.normalize(file);

describeWith([needsCorpus], 'functions, lines and inlined calls of a dSYM', () => {
  it('are those of crash.inlines.sym, which was made from it: the first and last byte of each line', () => {
    const bytes = crashSym('crash.inlines.sym');
    const sym = openSym(bytes);
    const information = machDebugInformation({ module: openMach(crash), debug: openMach(crashDebug) });
    const places = [...bytes.toString().matchAll(/^([0-9a-f]+) ([0-9a-f]+) \d+ \d+$/gm)].flatMap(
      ([, start, size]) => {
        const first = Number.parseInt(start!, 16);
        return [first, first + Number.parseInt(size!, 16) - 1];
      },
    );
    expect(places.length).toBeGreaterThan(9000);
    const differing: string[] = [];
    for (const place of places) {
      const ours = runSync(information.functionAt(place))!;
      const theirs = runSync(sym.functionAt(place))!;
      const chain = (one: typeof ours) => [...one.inlines, one];
      const same =
        ours.start === theirs.start &&
        ours.inlines.length === theirs.inlines.length &&
        chain(ours).every(({ name, file, line }, i) => {
          const other = chain(theirs)[i]!;
          return sameName(name, other.name) && path(file) === other.file && line === other.line;
        });
      if (!same) differing.push(place.toString(16));
    }
    expect(differing).toEqual([]);
    expect(information.problems).toEqual([]);
  });

  it('without the dSYM there are names, without the module there are no frames', () => {
    const module = machDebugInformation({ module: openMach(crash) });
    expect(runSync(module.functionAt(0xdbb0))).toMatchObject({
      name: 'main',
      start: 0xdba0,
      line: undefined,
    });
    expect(runSync(module.cfiAt(0xdbb0))).toBeDefined();
    const debug = machDebugInformation({ module: openMach(crashDebug) });
    expect(runSync(debug.functionAt(0xdbb0))).toMatchObject({ name: 'main', start: 0xdba0, line: 30 });
    expect(runSync(debug.cfiAt(0xdbb0))).toBeUndefined();
  });
});

describeWith([...machTools], "what dsymutil makes of clang's DWARF 4 and 5", () => {
  it.each(['-gdwarf-4', '-gdwarf-5'])('%s', async (version) => {
    const { module, debug } = await machProgram('arm64', { flags: ['-O0', version] });
    const lines = readFileSync(join(root, 'test', 'programs', 'mach-frames.c'), 'utf8').split('\n');
    const lineOfLeaf = lines.findIndex((line) => line.startsWith('NOINLINE int leaf')) + 1;
    const information = machDebugInformation({ module: openMach(module), debug: openMach(debug) });
    const symbols = machDebugInformation({ module: openMach(module) });
    const start = runSync(
      symbols.functionAt(openMach(module).commands.sections[0]!.address - 0x1_0000_0000),
    )!.start;
    expect(runSync(information.functionAt(start))).toMatchObject({
      name: 'leaf',
      start,
      line: lineOfLeaf,
    });
    expect(runSync(information.functionAt(start))?.file).toMatch(/test\/programs\/mach-frames\.c$/);
  });
});
