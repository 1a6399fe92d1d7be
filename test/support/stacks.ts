/** Stacks of one process, by gdb and by us, in one form. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { analyzeTask } from '../../src/analysis/index.js';
import { openSymbols } from '../../src/cli/symbol-places.js';
import { runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';
import { Minidump } from '../../src/reader/index.js';
import { temporaryFolder } from './programs.js';
import { run } from './run.js';
import { requireTool, root } from './tools.js';

/** A frame, or a call that was inlined into one. */
export interface Place {
  /** As it is shown. */
  name: string | undefined;
  /** Leaf name. */
  file: string | undefined;
  line: number | undefined;
  /** Of frames: the instruction, or where a call will return to. Undefined for inlined calls. */
  instruction: bigint | undefined;
  /** Of frames: the function by the symbol table, where that was asked. */
  symbol: string | undefined;
}

/** What gdb is shown: a process, or a core of a program. */
export type GdbTarget = { pid: number } | { program: string; core: string };

export interface GdbOptions {
  /** Leave out what a signal handler called, the handler and the kernel's frame around it: what was interrupted is on top. */
  belowHandler?: boolean;
}

/** By thread id, innermost call first. gdb is asked at the process or at its core, never at the dump. */
export async function stacksByGdb(
  target: GdbTarget,
  { belowHandler = false }: GdbOptions = {},
): Promise<Map<number, Place[]>> {
  const report = join(temporaryFolder(), 'stacks.json');
  const args = [
    ...['-nx', '-nh', '--batch'],
    ...['-iex', 'set debuginfod enabled off', '-iex', 'set backtrace past-main on'],
    ...('pid' in target ? ['-p', String(target.pid)] : [target.program, target.core]),
    ...['-x', join(root, 'test/support/gdb_stacks.py')],
  ];
  const { status, stderr } = await run(requireTool('gdb'), args, { env: { MDMP_REPORT: report } });
  if (status !== 0) throw new Error(`gdb: ${stderr}`);
  const { threads } = JSON.parse(readFileSync(report, 'utf8')) as {
    threads: { id: number; frames: GdbFrame[] }[];
  };
  return new Map(
    threads.map(({ id, frames }) => {
      const from = belowHandler ? frames.findIndex(({ signal }) => signal) + 1 : 0;
      // It also puts in functions that left by a jump (tail calls), where the debug information lets it guess them: no frame is there.
      const real = frames.slice(from).filter(({ tailcall }) => !tailcall);
      return [id, real.map(placeOf)];
    }),
  );
}

/** Of a clone that DWARF has a name for, we show that; gdb's symbol has the mark all the same. */
const CLONE = / \[clone [^\]]*\]/g;

/** Hashes of Rust's crates (v0) and instances (legacy): gdb shows them, we do not. */
const GDB_ONLY = /\[[0-9a-f]{8,16}\]|::h[0-9a-f]{16}$/g;

interface GdbFrame {
  function: string | null;
  file: string | null;
  line: number | null;
  inlined: boolean;
  signal: boolean;
  tailcall: boolean;
  symbol: string | null;
  pc: string;
}

const placeOf = ({ function: name, file, line, inlined, symbol, pc }: GdbFrame): Place => ({
  name: name ?? undefined,
  file: file ? basename(file) : undefined,
  line: line ?? undefined,
  instruction: inlined ? undefined : BigInt(pc),
  symbol:
    inlined || symbol === null
      ? undefined
      : symbol.replace(GDB_ONLY, '').replace(CLONE, '').replaceAll('> >', '>>'),
});

export interface AnalyzedStacks {
  /** By thread id, innermost call first. */
  readonly stacks: Map<number, Place[]>;
  /** Id of the thread that crashed. */
  readonly crashed: number | undefined;
  readonly reason: string | undefined;
}

/** From a dump, with the symbols of the files that the modules were loaded from. */
export function stacksOf(dump: string): AnalyzedStacks {
  using source = new FileSource(dump);
  using symbols = openSymbols({ paths: [], cache: temporaryFolder(), local: true });
  const { threads, crash, requestingThread } = runSync(analyzeTask(Minidump.openSync(source), { symbols }));
  const stacks = new Map<number, Place[]>();
  for (const { id, stack } of threads) {
    const places = stack.frames.flatMap((frame) =>
      [...frame.inlines, frame].map(
        (place, depth): Place => ({
          name: place.function,
          file: place.file === undefined ? undefined : basename(place.file),
          line: place.line,
          instruction: depth === frame.inlines.length ? frame.instruction : undefined,
          symbol: undefined,
        }),
      ),
    );
    stacks.set(id, places);
  }
  return {
    stacks,
    crashed: requestingThread === undefined ? undefined : threads[requestingThread]!.id,
    reason: crash?.reason,
  };
}

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '<': '>', '{': '}', '[': ']' };

/**
 * Of a name what gdb, which goes by DW_AT_name, and the mangled name agree on: without return type, parameters, template arguments,
 * numbers of closures, marks of clones, and what is before a name that one of the two has no word for (`{impl#0}::`, a lambda).
 * `int deeper<f(int)::{lambda()#1}>(int) const [clone .isra.0]` and `deeper<f(int)::<lambda()> >` are `deeper`;
 * `<Holder<T> as Visit>::visit` and `deep::{impl#0}::visit<u32>` are `visit`.
 */
export function plain(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const text = name
    .replace(CLONE, '')
    .replace(/ const$/, '')
    .replace(/\{\{vtable\.shim\}\}/, '')
    .replace(/\{\{closure\}\}|\{closure#\d+\}/g, 'closure')
    .replace(/\boperator ?(\(\)|<=>|<<=|>>=|->\*|->|<<|>>|<=|>=|<|>)/g, 'operator')
    .replace(/->/g, '');
  let bare = '';
  const open: string[] = [];
  for (const [i, letter] of [...text].entries()) {
    const closer = CLOSERS[letter];
    // Rust's arguments of functions, `call::<T>`; not `slice::<impl [T]>::sort`, nor gdb's `f()::<lambda()>`.
    if (
      letter === '<' &&
      open.length === 0 &&
      bare.endsWith('::') &&
      !/^<(impl |lambda)/.test(text.slice(i, i + 7))
    )
      bare = bare.slice(0, -2);
    if (letter === open.at(-1)) open.pop();
    else if (closer !== undefined) open.push(closer);
    else if (open.length === 0) bare += letter;
  }
  return bare
    .trim()
    .replace(/::$/, '')
    .replace(/^.* /, '')
    .replace(/^(.*::)?::/, '');
}

/** Names of one function, of which gdb has one and we another, with the reason. */
export interface SameName {
  readonly names: readonly string[];
  readonly why: string;
}

/**
 * Every frame of every thread is where gdb has it; wherever there is debug information, so are functions, files and lines, those of
 * inlined calls too; and the functions of the program's own sources have the very names that gdb makes of the symbol table.
 */
export function expectSameStacks(
  ours: ReadonlyMap<number, readonly Place[]>,
  theirs: ReadonlyMap<number, readonly Place[]>,
  source: string,
  sameNames: readonly SameName[] = [],
): void {
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  for (const [id, places] of theirs) {
    const mine = ours.get(id)!;
    expect(instructionsOf(mine), `thread ${id}`).toEqual(instructionsOf(places));
    const [found, expected] = [placesOf(mine, sameNames), placesOf(places, sameNames)];
    for (const [i, { name, place }] of found.entries()) {
      const other = expected[i]?.place;
      if (other && (isPartOf(name, place, other) || isPartOf(expected[i]!.name, other, place)))
        other.function = place.function;
      // DWARF's line 0: of no line. gdb takes what is before it in the table; llvm-symbolizer says 0, too. In code of libraries only.
      if (other && place.line === undefined && place.file !== source) {
        other.file = place.file;
        other.line = undefined;
      }
    }
    expect(
      found.map(({ place }) => place),
      `thread ${id}`,
    ).toEqual(expected.map(({ place }) => place));
    const symbols = places.filter(({ file, symbol }) => file === source && symbol !== undefined);
    const names = mine.filter(({ file, instruction }) => file === source && instruction !== undefined);
    expect(names.map(({ name }) => name?.replace(CLONE, ''))).toEqual(symbols.map(({ symbol }) => symbol));
  }
}

interface Named {
  function: string | undefined;
}

/** Rust's methods: `<T as Trait>::method` by the symbol may be `Trait::method` by gdb; what gdb has as `{impl#0}::new`, `Type::new` by the symbol. */
function isPartOf(name: string | undefined, part: Named, whole: Named): boolean {
  if (!/^<|\{impl#/.test(name ?? '') || part.function === undefined) return false;
  return whole.function?.endsWith(`::${part.function}`) ?? false;
}

/** Function, file and line where there is debug information. */
function placesOf(places: readonly Place[], sameNames: readonly SameName[]) {
  return places
    .filter(({ file }) => file !== undefined)
    .map(({ name, file, line }) => {
      const short = plain(name);
      const known = sameNames.find(({ names }) => names.includes(short ?? ''));
      return { name, place: { function: known?.names[0] ?? short, file, line } };
    });
}

/** Of all frames, with or without names. */
export function instructionsOf(places: readonly Place[]): string[] {
  return places.flatMap(({ instruction }) =>
    instruction === undefined ? [] : [`0x${instruction.toString(16)}`],
  );
}
