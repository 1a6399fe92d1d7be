import type { FunctionAt } from '../../../src/object/index.js';

const hex = (value: number) => value.toString(16);

/** Where we say something else than the expected file, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  '^file .*(?:system_error|processthreadsapi\\.h|xcall_once\\.h|string_utils-inl\\.h|stralign\\.h|cmath|cstdlib)$':
    'files that the compiler read and that no code is of: we list those that lines name',
  '^our frame STACK WIN 4 (?:3250 3|3269 3) ':
    'functions that the linker folded have one record each; dump_syms writes one of them',
  '^crash FUNC parameters .* 0 \\| \\d+$':
    'dump_syms counts parameters that have a place on the stack, and of most it finds none; we say what the frame data of the function says',
  '^\\w+ line \\w+ (.*):\\d+ \\| \\1:\\d+$':
    'two lines begin at one address (the brace and the first statement): dump_syms takes the first, symbolic and we the last',
  '^crash line 2d56 .*:15732480 \\| undefined:undefined$':
    '0xf00f00 is no line: it tells debuggers to step over it',
  '^\\w+ FUNC name std::bad_alloc::.* \\| std::(?:bad_array_new_length|exception)::':
    'the linker folded these: we name the one that the section contribution belongs to',
  '^\\w+ FUNC name _?_?(?:scrt_initialize_winrt|scrt_stub_for_acrt_initialize|guard_check_icall_nop) \\| _(?:matherr|should_initialize_environment|initialize_invalid_parameter_handler)$':
    'the same: functions that do nothing',
  "^crash FUNC name (\\S+|`anonymous namespace'::callback) \\| \\1\\(":
    'a function without a public symbol: dump_syms has no arguments, we have them from the type',
  '^crash FUNC name (_SEH_\\w+) \\| _\\1$': 'an assembler gives the procedure its decorated name',
  '^CrashWithException FUNC name static .*\\(.*\\) \\| ':
    'dump_syms took these from DIA with `static`, their result, and `struct`',
  '^CrashWithException (?:FUNC name|PUBLIC \\w+ 0) (\\S+) \\| _\\1(?: 0)?$':
    'dump_syms takes an underscore away that names of C do not have on x86-64',
};
const occurred = new Set<string>();

/** What differs and is not in the table. */
export function unexpected(found: readonly string[]): string[] {
  return found.filter((one) => {
    const known = Object.keys(DIFFERENCES).find((pattern) => new RegExp(pattern).test(one));
    if (known !== undefined) occurred.add(known);
    return known === undefined;
  });
}

/** What is in the table and has not occurred. */
export const notOccurred = (): string[] =>
  Object.keys(DIFFERENCES).filter((pattern) => !occurred.has(pattern));

/** Names as both would write them: without spaces, and without the const of an argument that is passed by value. */
const plain = (name: string) =>
  name
    .replace(/\bconst (?=(?:unsigned )?\w+[,)])/g, '')
    .replace(/\s+/g, '')
    .replace(/\)const$/, ')');

/** What we tell of a PDB, in whatever form. */
export interface Told {
  readonly debugIdentifier: string;
  readonly functions: readonly { start: number; size: number; parameterSize: number; name: string }[];
  readonly publics: readonly { start: number; parameterSize: number; name: string }[];
  at(rva: number): FunctionAt | undefined;
}

/** Record by record: where a .sym file that dump_syms made says something else than we do. */
export function symDifferences(what: string, sym: string, ours: Told): { seen: number; found: string[] } {
  const { functions, publics } = ours;
  const found: string[] = [];
  const files = new Map<string, string>();
  const seen = new Set<number>();
  for (const row of sym.split(/\r?\n/)) {
    const [kind, ...fields] = row.split(' ');
    if (kind === 'MODULE') {
      if (fields[2] !== ours.debugIdentifier)
        found.push(`${what} MODULE ${fields[2]} | ${ours.debugIdentifier}`);
    } else if (kind === 'FILE') files.set(fields[0]!, fields.slice(1).join(' '));
    else if (kind === 'FUNC') {
      if (fields[0] === 'm') fields.shift();
      const [start, size, parameters] = fields.slice(0, 3).map((one) => Number.parseInt(one, 16));
      const name = fields.slice(3).join(' ');
      seen.add(start!);
      const our = functions.find((one) => one.start === start);
      const elsewhere = ours.at(start!)?.name;
      if (our === undefined) found.push(`${what} FUNC ${hex(start!)} ${name} |`);
      else {
        if (our.size !== size) found.push(`${what} FUNC size ${hex(start!)} ${name} ${size} | ${our.size}`);
        if (plain(our.name) !== plain(name)) found.push(`${what} FUNC name ${name} | ${our.name}`);
        if (our.name !== elsewhere) found.push(`${what} ${our.name} is ${elsewhere} elsewhere`);
        if (our.parameterSize !== parameters)
          found.push(`${what} FUNC parameters ${name} ${parameters} | ${our.parameterSize}`);
      }
    } else if (/^[0-9a-f]+$/.test(kind ?? '')) {
      const at = ours.at(Number.parseInt(kind!, 16));
      const file = files.get(fields[2]!);
      if (at?.line !== Number(fields[1]) || at.file !== file)
        found.push(`${what} line ${kind} ${file}:${fields[1]} | ${at?.file}:${at?.line}`);
    } else if (kind === 'PUBLIC') {
      if (fields[0] === 'm') fields.shift();
      const start = Number.parseInt(fields[0]!, 16);
      const our = publics.find((one) => one.start === start);
      const name = fields.slice(2).join(' ');
      if (our === undefined) found.push(`${what} PUBLIC ${fields[0]} ${name} |`);
      else if (our.name !== name || our.parameterSize !== Number.parseInt(fields[1]!, 16))
        found.push(`${what} PUBLIC ${fields.join(' ')} | ${our.name} ${our.parameterSize}`);
      seen.add(start);
    }
  }
  for (const { start, name } of [...functions, ...publics])
    if (!seen.has(start)) found.push(`${what} only ours: ${hex(start)} ${name}`);
  return { seen: seen.size, found };
}
