import {
  CRASHPAD_INFO_LEAST_SIZE,
  checkLength,
  MINIDUMP_LOCATION_DESCRIPTOR,
  MinidumpAnnotation,
  MinidumpCrashpadInfo,
  MinidumpModuleCrashpadInfo,
  MinidumpModuleCrashpadInfoLink,
  MinidumpSimpleStringDictionaryEntry,
} from '../../../format/index.js';
import { MinidumpError, type Task } from '../../../io/index.js';
import { link, linkLocation, type Piece } from '../pieces.js';
import type { Relocate, RelocationContext } from './context.js';
import { countedTable, type EntryTable, keepEntries, placesOf, viewOf } from './table.js';

const what = 'annotation of Crashpad';

/** A field of a piece that points to something. */
interface Field {
  piece: Piece;
  at: number;
}

export const relocateCrashpadInfo: Relocate = function* (stream, context) {
  checkLength('CrashpadInfo', stream.bytes, CRASHPAD_INFO_LEAST_SIZE);
  stream.bytes = stream.bytes.slice();
  const field = (name: 'simple_annotations' | 'module_list') => ({
    piece: stream,
    at: MinidumpCrashpadInfo.offsetOf(name),
  });
  yield* linkDictionaries([field('simple_annotations')], context);
  const links = yield* linkModuleList(field('module_list'), context);
  const modules = yield* linkTables(links, context, MinidumpModuleCrashpadInfo.size);
  const all = (name: 'list_annotations' | 'simple_annotations' | 'annotation_objects') =>
    modules.map((piece) => ({ piece, at: MinidumpModuleCrashpadInfo.offsetOf(name) }));
  yield* linkLists(all('list_annotations'), context);
  yield* linkDictionaries(all('simple_annotations'), context);
  yield* linkObjects(all('annotation_objects'), context);
};

/** Links locations to tables; gives those that were not met before, with bytes of their own, if they are long enough. */
function* linkTables(fields: readonly Field[], context: RelocationContext, least: number): Task<Piece[]> {
  const { dump, pieces } = context;
  const locations = fields.map(({ piece, at }) => {
    const { Rva, DataSize } = MINIDUMP_LOCATION_DESCRIPTOR.decode(piece.bytes, at, dump.littleEndian);
    return { rva: Rva, size: DataSize };
  });
  const found = yield* pieces.take(what, locations, 4);
  return fields.flatMap(({ piece, at }, i) => {
    const to = found[i];
    linkLocation(piece, at, to);
    if (to === undefined || to.linked) return [];
    to.linked = true;
    to.bytes = to.bytes.slice();
    if (to.bytes.length >= least) return [to];
    pieces.lose(what);
    return [];
  });
}

/** The table in a piece; a broken one is carried as it is. */
function tableOf(piece: Piece, stride: number, { pieces, dump }: RelocationContext): EntryTable | undefined {
  try {
    return countedTable(what, piece.bytes, stride, dump.littleEndian);
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    pieces.lose(what);
    return undefined;
  }
}

/** Links to annotations of modules that are left; the index of a module is that in the new list. Gives the fields of locations. */
function* linkModuleList(field: Field, context: RelocationContext): Task<Field[]> {
  const { littleEndian } = context.dump;
  const [list] = yield* linkTables([field], context, 4);
  const all = list && tableOf(list, MinidumpModuleCrashpadInfoLink.size, context);
  if (list === undefined || all === undefined) return [];
  const places = context.kept.modulePlaces;
  const before = viewOf(list.bytes);
  const kept = placesOf(all).flatMap((at, i) => {
    const index = before.getUint32(at, littleEndian);
    return index in places && places[index] === undefined ? [] : [i];
  });
  const length = list.bytes.length;
  const table = keepEntries(list, all, kept, littleEndian);
  if (list.bytes.length !== length) {
    // The location that leads here tells its length.
    viewOf(field.piece.bytes).setUint32(field.at, list.bytes.length, littleEndian);
  }
  const view = viewOf(list.bytes);
  return placesOf(table).map((at) => {
    const index = view.getUint32(at, littleEndian);
    view.setUint32(at, places[index] ?? index, littleEndian);
    return { piece: list, at: at + MinidumpModuleCrashpadInfoLink.offsetOf('location') };
  });
}

function* linkTexts(fields: readonly Field[], context: RelocationContext, terminator: 0 | 1): Task<void> {
  const { dump, pieces } = context;
  const rvas = fields.map(({ piece, at }) => viewOf(piece.bytes).getUint32(at, dump.littleEndian));
  const texts = yield* pieces.counted(what, rvas, terminator);
  fields.forEach(({ piece, at }, i) => {
    link(piece, at, 4, texts[i]);
  });
}

/** The fields at `offsets` of all entries of all tables. */
function fieldsOf(
  tables: readonly Piece[],
  stride: number,
  offsets: readonly number[],
  context: RelocationContext,
): Field[] {
  return tables.flatMap((piece) => {
    const table = tableOf(piece, stride, context);
    if (table === undefined) return [];
    return placesOf(table).flatMap((at) => offsets.map((offset) => ({ piece, at: at + offset })));
  });
}

/** MinidumpRVAList: of MinidumpUTF8Strings. */
function* linkLists(fields: readonly Field[], context: RelocationContext): Task<void> {
  const tables = yield* linkTables(fields, context, 4);
  yield* linkTexts(fieldsOf(tables, 4, [0], context), context, 1);
}

/** MinidumpSimpleStringDictionary. */
function* linkDictionaries(fields: readonly Field[], context: RelocationContext): Task<void> {
  const tables = yield* linkTables(fields, context, 4);
  const { size } = MinidumpSimpleStringDictionaryEntry;
  yield* linkTexts(fieldsOf(tables, size, [0, 4], context), context, 1);
}

/** MinidumpAnnotationList. */
function* linkObjects(fields: readonly Field[], context: RelocationContext): Task<void> {
  const tables = yield* linkTables(fields, context, 4);
  const { size } = MinidumpAnnotation;
  const field = (name: 'name' | 'value') =>
    fieldsOf(tables, size, [MinidumpAnnotation.offsetOf(name)], context);
  yield* linkTexts(field('name'), context, 1);
  yield* linkTexts(field('value'), context, 0);
}
