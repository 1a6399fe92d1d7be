import {
  MINIDUMP_MODULE,
  MINIDUMP_UNLOADED_MODULE,
  MINIDUMP_UNLOADED_MODULE_LIST,
  MODULE_WRITE_FLAGS,
} from '../../../format/index.js';
import { link, linkLocation, type Piece } from '../pieces.js';
import type { Relocate, RelocationContext } from './context.js';
import { nameCutter } from './names.js';
import { countedTable, headedTable, keepEntries, placesOf, viewOf } from './table.js';

const { ModuleWriteModule, ModuleWriteCvRecord, ModuleWriteMiscRecord } = MODULE_WRITE_FLAGS;

/** ModuleList, and Wine's list of ELF modules, which has the same layout. */
export const relocateModuleList: Relocate = function* (stream, context) {
  const { dump, pieces, kept: parts } = context;
  const { littleEndian } = dump;
  const all = countedTable('ModuleList', stream.bytes, MINIDUMP_MODULE.size, littleEndian);
  const before = viewOf(stream.bytes);
  const flags = placesOf(all).map((at, i) => parts.moduleFlagsAt(i, before.getBigUint64(at, littleEndian)));
  const kept = flags.flatMap((one, i) => ((one & ModuleWriteModule) === 0 ? [] : [i]));
  const table = keepEntries(stream, all, kept, littleEndian);
  const view = viewOf(stream.bytes);
  const places = placesOf(table);
  const modules = places.map((at) => MINIDUMP_MODULE.read(view, at, littleEndian));
  const names = yield* pieces.strings(
    'name of a module',
    modules.map(({ ModuleNameRva }) => ModuleNameRva),
  );
  const records = function* (field: 'CvRecord' | 'MiscRecord', flag: number) {
    return yield* pieces.take(
      `${field} of a module`,
      modules.map((module, i) => {
        const { Rva, DataSize } = module[field];
        return { rva: Rva, size: (flags[kept[i]!]! & flag) === 0 ? 0 : DataSize };
      }),
      4,
      0,
    );
  };
  const codeViews = yield* records('CvRecord', ModuleWriteCvRecord);
  const miscs = yield* records('MiscRecord', ModuleWriteMiscRecord);
  const cut = nameCutter(context);
  places.forEach((at, i) => {
    link(stream, at + MINIDUMP_MODULE.offsetOf('ModuleNameRva'), 4, cut(names[i]));
    linkLocation(stream, at + MINIDUMP_MODULE.offsetOf('CvRecord'), codeViews[i]);
    linkLocation(stream, at + MINIDUMP_MODULE.offsetOf('MiscRecord'), miscs[i]);
  });
};

export const relocateUnloadedModuleList: Relocate = function* (stream, context) {
  const { dump, pieces } = context;
  const { littleEndian } = dump;
  const { size } = MINIDUMP_UNLOADED_MODULE;
  const head = MINIDUMP_UNLOADED_MODULE_LIST.size;
  const table = headedTable('UnloadedModuleList', stream.bytes, head, size, littleEndian);
  const places = placesOf(table).map((at) => at + MINIDUMP_UNLOADED_MODULE.offsetOf('ModuleNameRva'));
  yield* linkNames(stream, places, context, 'name of an unloaded module', pieces);
};

/** Links RVAs of names that may be paths; 0 is no name. */
export function* linkNames(
  stream: Piece,
  places: readonly number[],
  context: RelocationContext,
  what: string,
  pieces = context.pieces,
): ReturnType<Relocate> {
  stream.bytes = stream.bytes.slice();
  const view = viewOf(stream.bytes);
  const given = places.filter((at) => view.getUint32(at, context.dump.littleEndian) !== 0);
  const names = yield* pieces.strings(
    what,
    given.map((at) => view.getUint32(at, context.dump.littleEndian)),
  );
  const cut = nameCutter(context);
  given.forEach((at, i) => {
    link(stream, at, 4, cut(names[i]));
  });
}
