import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import type { SectionData } from '../section-data.js';
import type { FormValue } from './forms.js';
import { readForm } from './forms.js';
import { type LineRows, runLineProgram } from './line-program.js';

/** The largest of Chromium has some 10 MB; rows take ten times the bytes of their program. */
const MAX_TABLE = 64 * 1024 * 1024;
const MAX_FORMATS = 16;

/** DW_LNCT_path, DW_LNCT_directory_index (DWARF 5, 7.22). Others (size, time, MD5) are read over. */
const DW_LNCT_PATH = 1;
const DW_LNCT_DIRECTORY_INDEX = 2;

/** A name is text, or before it was looked up where text is. */
export type Text = string | FormValue;

export interface LineFile {
  readonly name: Text;
  readonly directory: number;
}

/** The line table of a unit (DWARF 5, 6.2). */
export interface LineTable {
  readonly version: number;
  readonly directories: readonly Text[];
  readonly files: readonly LineFile[];
  readonly rows: LineRows;
  /** Bytes that it takes, about. */
  readonly weight: number;
}

/** Throws `malformed` if its header is; a program that is cut off gives the rows until there. */
export function* readLineTable(section: SectionData, offset: number, addressSize: number): Task<LineTable> {
  const head = new ByteReader(
    yield* section.read(offset, Math.max(0, Math.min(12, section.size - offset))),
    '.debug_line',
  );
  let length = head.u32();
  const offsetSize = length === 0xffffffff ? 8 : 4;
  if (offsetSize === 8) length = head.u64();
  if (length > MAX_TABLE) throw broken('.debug_line', `at most ${MAX_TABLE} bytes`, `${length}`);
  const reader = new ByteReader(yield* section.read(offset + head.position, length), '.debug_line');
  const version = reader.u16();
  if (version < 2 || version > 5) throw broken('.debug_line', 'version 2 to 5', `${version}`);
  let size = addressSize;
  if (version === 5) {
    size = reader.u8();
    reader.skip(1);
  }
  const headerLength = reader.unsigned(offsetSize);
  const program = reader.position + headerLength;
  const minimumInstruction = reader.u8();
  const operations = version >= 4 ? reader.u8() : 1;
  reader.skip(1); // default_is_stmt: a crash may be at any instruction
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const operandCounts = reader.take(Math.max(0, opcodeBase - 1));

  const directories: Text[] = [];
  const files: LineFile[] = [];
  if (version < 5) {
    for (let name = reader.string(); name !== ''; name = reader.string()) directories.push(name);
    for (let name = reader.string(); name !== ''; name = reader.string()) {
      const directory = reader.uleb();
      reader.skipLeb();
      reader.skipLeb();
      files.push({ name, directory });
    }
  } else {
    const encoding = { version, addressSize: size, offsetSize, offset: 0 } as const;
    for (const { name } of readEntries(reader, encoding)) directories.push(name);
    files.push(...readEntries(reader, encoding));
  }

  reader.position = program;
  if (program > reader.end) throw reader.broken('a line program');
  const rows = runLineProgram(reader, {
    minimumInstruction,
    operations: Math.max(1, operations),
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    addressSize: size,
    addFile: (name, directory) => files.push({ name, directory }),
  });
  return { version, directories, files, rows, weight: rows.weight + files.length * 100 + 1000 };
}

/** A table of directories or files of DWARF 5: the forms first, then the entries. */
function readEntries(
  reader: ByteReader,
  encoding: { version: number; addressSize: number; offsetSize: 4 | 8; offset: number },
): LineFile[] {
  const formats: number[] = [];
  const formatCount = reader.u8();
  if (formatCount > MAX_FORMATS) throw reader.broken('fewer forms of entries');
  for (let i = 0; i < formatCount; i++) formats.push(reader.uleb(), reader.uleb());
  const count = reader.uleb();
  // An entry without a form that takes a byte would take none.
  if (count > reader.left) throw reader.broken(`at most ${reader.left} entries`);
  const entries: LineFile[] = [];
  for (let n = 0; n < count; n++) {
    let name: Text = '';
    let directory = 0;
    for (let i = 0; i < formats.length; i += 2) {
      const value: FormValue = { kind: 'other', value: 0 };
      const from = reader.position;
      readForm(reader, formats[i + 1]!, 0, encoding, value);
      if (formats[i] === DW_LNCT_DIRECTORY_INDEX) directory = value.value;
      else if (formats[i] === DW_LNCT_PATH) {
        name = value;
        if (value.kind === 'text-here')
          name = new TextDecoder().decode(reader.bytes.subarray(from, reader.position - 1));
      }
    }
    entries.push({ name, directory });
  }
  return entries;
}
