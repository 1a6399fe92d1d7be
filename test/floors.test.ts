import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './support/tools.js';

/**
 * The house of DESIGN.md: a folder imports only from itself and from floors below its own. Folders of one floor do not
 * know each other.
 */
const floors: Record<string, number> = {
  'src/io': 0,
  'src/format': 1,
  'src/object': 1,
  'src/reader': 2,
  'src/dump': 2,
  'src/node': 2,
  'src/linux': 2.5,
  'src/targets/linux': 3,
  'src/targets/elf-core': 3,
  'src/targets/minidump': 3,
  'src/targets/windows': 3,
  'src/live': 3.5,
  'src/symbols': 3,
  'src/unwind': 3,
  'src/analysis': 4,
  'src/watch': 4,
  'src/convert': 4,
  'src/cli': 5,
  'src/register': 5,
  'src/viewer': 5,
};
/** Files straight in src/ (the faces) stand on top of all. */
const face = 6;

/** Who may touch a process, a file or a terminal: `node:` modules and npm packages. All else runs in a browser. */
const outside = new Set([
  'src/node',
  'src/targets/linux',
  'src/targets/windows',
  'src/live',
  'src/watch',
  'src/cli',
  'src/register',
  'src/index.ts',
  'src/dbghelp.ts',
]);

interface Import {
  specifier: string;
  line: number;
}

/** All that a source imports, type-only imports, re-exports, dynamic and `import('…')` types included. */
function importsOf(source: string): Import[] {
  const code = source
    // Comments are blanked, lines kept; a string that looks like a comment's start is not one.
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (text) =>
      text.startsWith('/') ? text.replace(/[^\n]/g, ' ') : text,
    );
  const pattern =
    /(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\(|\bcreateRequire\s*\([^)]*\)\s*\()\s*(['"])([^'"\n]+)\1/g;
  return [...code.matchAll(pattern)].map((match) => ({
    specifier: match[2]!,
    line: code.slice(0, match.index).split('\n').length,
  }));
}

/** The room that a file stands in: the folder of the table, or the file itself for a face. */
function roomOf(file: string): string | undefined {
  if (dirname(file) === 'src') return file;
  let folder = dirname(file);
  while (folder !== '.' && folder !== 'src') {
    if (folder in floors) return folder;
    folder = dirname(folder);
  }
  return undefined;
}

/** What is wrong with the imports of one file; `files` says what exists. */
function complaintsAbout(file: string, source: string): string[] {
  const room = roomOf(file);
  if (room === undefined)
    return [`${file}: its folder is not in the table of floors (DESIGN.md, "The house")`];
  const floor = floors[room] ?? face;
  const complaints: string[] = [];
  for (const { specifier, line } of importsOf(source)) {
    const at = `${file}:${line}: import '${specifier}'`;
    if (!specifier.startsWith('.')) {
      if (!outside.has(room)) {
        const what =
          specifier.startsWith('node:') || builtinModules.includes(specifier)
            ? 'a Node module'
            : 'an npm package';
        complaints.push(
          `${at}: ${room} runs in a browser too and may not import ${what}; take what it needs through an interface of src/io`,
        );
      } else if (builtinModules.includes(specifier)) complaints.push(`${at}: write 'node:${specifier}'`);
      continue;
    }
    const target = relative('/', resolve('/', dirname(file), specifier));
    if (!target.startsWith('src/')) {
      complaints.push(`${at}: leaves src/`);
      continue;
    }
    const targetRoom = roomOf(target.replace(/\.js$/, '.ts'));
    if (targetRoom === undefined) complaints.push(`${at}: its folder is not in the table of floors`);
    else if (targetRoom !== room) {
      const targetFloor = floors[targetRoom] ?? face;
      if (targetFloor > floor || (targetFloor === floor && floor !== face)) {
        complaints.push(
          `${at}: ${room} (floor ${floor}) may import only from floors below it, and ${targetRoom} is on floor ${targetFloor}`,
        );
      }
    }
  }
  return complaints;
}

describe('the floors of the house', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?tsx?$/.test(name))
    .map((name) => `src/${name.replaceAll('\\', '/')}`);

  it('holds for every file in src', () => {
    expect(files.length).toBeGreaterThan(5);
    expect(files.flatMap((file) => complaintsAbout(file, readFileSync(join(root, file), 'utf8')))).toEqual(
      [],
    );
  });

  it('the imports lead to files that exist', () => {
    const lost = files.flatMap((file) =>
      importsOf(readFileSync(join(root, file), 'utf8'))
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => join(root, dirname(file), specifier.replace(/\.js$/, '.ts')))
        .filter((path) => !existsSync(path))
        .map((path) => `${file} imports ${relative(root, path)}`),
    );
    expect(lost).toEqual([]);
  });

  it.each([
    ['src/reader/a.ts', "import type { X } from '../dump/x.js';", /reader \(floor 2\).*dump is on floor 2/],
    ['src/io/a.ts', "export * from '../format/index.js';", /io \(floor 0\).*format is on floor 1/],
    [
      'src/format/a.ts',
      "\n\nimport { readFileSync } from 'node:fs';",
      /a\.ts:3: .*may not import a Node module/,
    ],
    ['src/dump/a.ts', "const k = await import('koffi');", /may not import an npm package/],
    ['src/dump/a.ts', "import 'fs';", /may not import a Node module/],
    ['src/dump/a.ts', "let x: import('../targets/linux/t.js').T;", /targets\/linux is on floor 3/],
    ['src/targets/minidump/a.ts', "import '../linux/b.js';", /targets\/linux is on floor 3/],
    ['src/targets/elf-core/a.ts', "import 'node:fs';", /may not import a Node module/],
    ['src/attic/a.ts', '', /not in the table/],
    ['src/cli/a.ts', "import '../index.js';", /src\/index\.ts is on floor 6/],
    ['src/cli/a.ts', "import '../../test/x.js';", /leaves src/],
    ['src/browser.ts', "import 'node:fs';", /may not import a Node module/],
  ])('finds a fault in %s: %s', (file, source, complaint) => {
    expect(complaintsAbout(file, source)).toEqual([expect.stringMatching(complaint)]);
  });

  it.each([
    ['src/reader/a.ts', "import type { X } from '../format/x.js'; // from 'node:fs'"],
    [
      'src/targets/linux/sub/a.ts',
      "import koffi from 'koffi';\nimport '../b.js';\nimport '../../../dump/target.js';",
    ],
    ['src/index.ts', "export * from './cli/main.js';\nimport 'node:fs';"],
    ['src/dump/a.ts', "/* import 'node:fs' */ const url = 'http://x'; import { y } from './y.js';"],
  ])('finds none in %s: %s', (file, source) => {
    expect(complaintsAbout(file, source)).toEqual([]);
  });
});
