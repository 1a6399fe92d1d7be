import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { framesInLines, threadsInText } from '../analysis/expected/breakpad-stacks.js';
import { dwarfdumpFrames } from '../object/macho/dwarfdump-frames.js';
import { machProgram, machTools, openMach, output } from '../object/macho/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, requireTool } from '../support/tools.js';
import { Dice } from '../unwind/made-up-dump.js';
import { mdmp, mdmpJson, scratchFolder } from './command.js';
import { type LaidFrame, macDump, type Place } from './mac-dump.js';

const folder = scratchFolder();
/** Each called by the next. */
const CHAIN = ['leaf', 'saves', 'large', 'main'];
const BASE = 0x1_0a5b_0000n;

/** Where each function is: the leaf at its begin, the others where their call returns to. */
async function placesIn(module: string, innermost: string): Promise<number[]> {
  const text = await output('llvm-objdump-19', ['-d', '--no-show-raw-insn', module]);
  const bodies = new Map(
    [...text.matchAll(/^([0-9a-f]+) <_(\w+)>:\n((?:.+\n?)+)/gm)].map(([, at, name, body]) => [
      name!,
      { at: Number.parseInt(at!, 16), body: body! },
    ]),
  );
  const all = CHAIN.map((name, i) => {
    const { at, body } = bodies.get(name)!;
    if (i === 0) return at;
    const call = new RegExp(`\\b(?:callq?|bl)\\s+0x[0-9a-f]+ <_${CHAIN[i - 1]}>.*\\n\\s*([0-9a-f]+):`);
    return Number.parseInt(call.exec(body)![1]!, 16);
  });
  return all.slice(CHAIN.indexOf(innermost));
}

/** Function and line at each address, as llvm-dwarfdump has it. */
async function described(debug: string, addresses: readonly number[]): Promise<string[]> {
  const all: string[] = [];
  for (const address of addresses) {
    const text = await output('llvm-dwarfdump-19', [`--lookup=0x${address.toString(16)}`, debug]);
    const name = /DW_TAG_subprogram.*?DW_AT_name\s+\("(\w+)"\)/s.exec(text)![1];
    const [, file, line] = /^Line info: file '(.*?)', line (\d+)/m.exec(text)!;
    // Line 0 is no line.
    all.push(line === '0' ? name! : `${name} [${basename(file!)} : ${line}`);
  }
  return all;
}

const hex = (value: bigint) => `0x${value.toString(16).padStart(16, '0')}`;

describeWith(
  [...machTools, needsBuild, 'llvm-objdump-19', 'llvm-dwarfdump-19', 'minidump_stackwalk'],
  'mdmp stack of a dump of macOS that was laid out by DWARF',
  () => {
    describe.each([
      ['x86_64', 'saves'],
      ['x86_64', 'leaf'],
      ['arm64', 'leaf'],
    ] as const)('%s, in %s', (architecture, innermost) => {
      const place = join(folder, `${architecture}-${innermost}`);
      const chain = CHAIN.slice(CHAIN.indexOf(innermost));
      const dump = join(place, 'app.dmp');
      let frames: readonly LaidFrame[];
      let lines: string[];
      let module: string;
      let debug: string;
      let uuid: string;

      beforeAll(async () => {
        const code = ['-O2', '-fomit-frame-pointer'];
        // The same code, and no call frame information but the compact one.
        const flags = [...code, '-fno-force-dwarf-frame', '-femit-dwarf-unwind=no-compact-unwind'];
        const judge = await machProgram(architecture, { flags: code });
        ({ module, debug } = await machProgram(architecture, { flags }));
        const sections = await output('llvm-objdump-19', ['-h', debug]);
        expect(sections).toMatch(/__debug_info/);
        expect(sections).not.toMatch(/__debug_frame/);
        const addresses = await placesIn(module, innermost);
        // Its headers have another length.
        const theirs = await placesIn(judge.module, innermost);
        const shift = theirs[0]! - addresses[0]!;
        expect(theirs.map((address) => address - shift)).toEqual(addresses);
        const functions = await dwarfdumpFrames(judge.debug, '--debug-frame');
        const places = theirs.map((address): Place => {
          const start = Math.max(...[...functions.keys()].filter((one) => one <= address));
          const row = functions.get(start)!.findLast((one) => one.address <= address)!;
          return { address: address - shift, row };
        });
        const mach = openMach(module);
        uuid = mach.codeIdentifier!;
        const identity = { path: '/Applications/App.app/Contents/MacOS/app', uuid, linkBase: mach.linkBase };
        const made = macDump(
          architecture,
          { ...identity, base: BASE, size: mach.imageSize },
          places,
          new Dice(7),
        );
        frames = made.frames;
        mkdirSync(place, { recursive: true });
        writeFileSync(dump, made.dump);
        lines = await described(
          debug,
          addresses.map((at, i) => (i === 0 ? at : at - 1)),
        );
        expect(lines.map((line) => line.split(' ')[0])).toEqual(chain);
      });

      /** Frames, all their registers, and what they are called. */
      function check(places: readonly string[], named: boolean) {
        const { exit, stdout } = mdmp(['stack', dump, ...places]);
        expect(exit).toBe(0);
        const [thread] = threadsInText(stdout.replace(/^(Thread \d+).*$/m, '$1')).values();
        expect(thread!.map(({ trust }) => trust)).toEqual([
          'given as instruction pointer in context',
          ...Array<string>(chain.length - 1).fill('call frame info'),
        ]);
        thread!.forEach(({ registers }, i) => {
          const { pc, sp, registers: kept } = frames[i]!;
          const [ip, stack] = architecture === 'x86_64' ? ['rip', 'rsp'] : ['pc', 'sp'];
          expect(registers, `frame ${i}`).toMatchObject({
            ...{ [ip]: hex(pc), [stack]: hex(sp) },
            ...Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, hex(value)])),
          });
        });
        const shown = [...stdout.matchAll(/^ \d {2}app!(.*)$/gm)].map(([, text]) => text!);
        if (named) expect(shown.map((text) => text.replace(/ \+ 0x\w+\]?$/, ''))).toEqual(lines);
        else expect(shown.map((text) => text.split(' ')[0])).toEqual(chain);
      }

      it('the program alone: compact unwind information, and names without lines', () => {
        check([module], false);
      });

      it('the program and its dSYM, named, in a folder, and in a store by UUID', () => {
        check([module, debug], true);
        const beside = join(place, 'beside');
        mkdirSync(beside);
        copyFileSync(module, join(beside, 'app'));
        cpSync(debug, join(beside, 'app.dSYM/Contents/Resources/DWARF/app'));
        check([beside], true);
        const store = join(place, 'store');
        const files = [join(beside, 'app.dSYM'), join(beside, 'app')];
        const made = mdmpJson(['symbols', ...files, '--store', store, '--files']);
        expect(made.map((one: { kept: string }) => one.kept)).toEqual([
          join(store, `_.dwarf/mach-uuid-sym-${uuid}/_.dwarf`),
          join(store, `app/mach-uuid-${uuid}/app`),
        ]);
        const byId = join(place, 'by-id');
        for (const name of ['_.dwarf', `app/mach-uuid-${uuid}`])
          cpSync(join(store, name), join(byId, name), { recursive: true });
        check([byId], true);
      });

      // In text nothing can hold for one instruction of a function whose rest is not told.
      if (architecture === 'x86_64' && innermost === 'leaf') return;

      it('the .sym file that mdmp symbols makes, and what minidump_stackwalk says with it', async () => {
        const store = join(place, 'sym');
        mdmpJson(['symbols', module, '--symbols-path', debug, '--name', 'app', '--store', store]);
        const sym = readFileSync(join(store, `app/${uuid.toUpperCase()}0/app.sym`), 'utf8');
        expect(sym).toMatch(new RegExp(`^MODULE mac ${architecture} ${uuid.toUpperCase()}0 app\n`));
        check([store], true);
        const { stdout } = await run(requireTool('minidump_stackwalk'), ['-m', dump, store], {
          timeoutMs: 60_000,
        });
        const [thread] = framesInLines(stdout.toString()).values();
        const shown = thread!.map(({ function: name, file, line }) =>
          line === '0' ? name : `${name} [${basename(file)} : ${line}`,
        );
        expect(shown).toEqual(lines);
      });
    });
  },
);
