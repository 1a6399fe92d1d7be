import type { Task } from '../../io/index.js';
import type { LineTable, Text } from './line-table.js';
import type { UnitRoot } from './unit.js';

/**
 * The path of a file of a line table: absolute, where the compiler said in which folder it ran.
 *
 * @param read gives a text of the table or of the unit
 */
export function* lineFileName(
  table: LineTable,
  fileNumber: number,
  { compDir }: UnitRoot,
  read: (text: Text) => Task<string | undefined>,
): Task<string | undefined> {
  // DWARF 5 counts files and directories from 0, and directory 0 is that of the compilation in all versions.
  const old = table.version < 5;
  const file = table.files[old ? fileNumber - 1 : fileNumber];
  if (file === undefined) return undefined;
  const name = yield* read(file.name);
  if (name === undefined) return undefined;
  const compilation = compDir && (yield* read(compDir));
  const directory = table.directories[old ? file.directory - 1 : file.directory];
  const folder = directory === undefined ? undefined : yield* read(directory);
  return joinPath(compilation, joinPath(folder, name));
}

/** As compilers mean it: the second where it is absolute (also `C:\\…`), else below the first. Nothing is made simpler. */
export function joinPath(folder: string | undefined, name: string): string {
  if (!folder || /^(?:[/\\]|[A-Za-z]:)/.test(name)) return name;
  const separator = /^[A-Za-z]:\\|^\\\\/.test(folder) ? '\\' : '/';
  return /[/\\]$/.test(folder) ? folder + name : folder + separator + name;
}
