import {
  MINIDUMP_HANDLE_DATA_STREAM,
  MINIDUMP_HANDLE_DESCRIPTOR,
  MINIDUMP_HANDLE_DESCRIPTOR_2,
  MINIDUMP_HANDLE_OBJECT_INFORMATION,
  MINIDUMP_TYPE,
} from '../../../format/index.js';
import { MinidumpError, type Task } from '../../../io/index.js';
import { readParts } from '../../../reader/parts.js';
import { link, type Piece } from '../pieces.js';
import type { Relocate, RelocationContext } from './context.js';
import { linkNames } from './modules.js';
import { headedTable, placesOf, viewOf } from './table.js';

const { MiniDumpFilterTriage } = MINIDUMP_TYPE;

/** Types are names, objects are names that may be paths; MiniDumpFilterTriage leaves the names of objects out. */
export const relocateHandleData: Relocate = function* (stream, context) {
  const { littleEndian } = context.dump;
  const head = MINIDUMP_HANDLE_DATA_STREAM.size;
  const { size } = MINIDUMP_HANDLE_DESCRIPTOR;
  const table = headedTable('HandleData', stream.bytes, head, size, littleEndian);
  const places = placesOf(table);
  const field = (name: 'TypeNameRva' | 'ObjectNameRva' | 'ObjectInfoRva') =>
    places.map((at) => at + MINIDUMP_HANDLE_DESCRIPTOR_2.offsetOf(name));
  stream.bytes = stream.bytes.slice();
  if ((context.asked & MiniDumpFilterTriage) !== 0) {
    for (const at of field('ObjectNameRva')) stream.bytes.fill(0, at, at + 4);
  }
  yield* linkNames(stream, field('TypeNameRva'), context, 'type of a handle');
  yield* linkNames(stream, field('ObjectNameRva'), context, 'name of a handle');
  if (table.stride >= MINIDUMP_HANDLE_DESCRIPTOR_2.size) {
    yield* linkChains(stream, field('ObjectInfoRva'), context);
  }
};

/** DbgHelp's chains have a link a type of information; a longer one is a loop. */
const LONGEST_CHAIN = 16;

/** All chains at once, link by link. */
function* linkChains(stream: Piece, places: readonly number[], context: RelocationContext): Task<void> {
  const { dump, pieces } = context;
  const { littleEndian } = dump;
  const what = 'information on a handle';
  const { size } = MINIDUMP_HANDLE_OBJECT_INFORMATION;
  let fields = places.map((at) => ({ piece: stream, at }));
  for (let length = 0; fields.length > 0; length++) {
    const wanted = fields.map(({ piece, at }) => viewOf(piece.bytes).getUint32(at, littleEndian));
    const given = fields.flatMap((field, i) => (wanted[i] === 0 ? [] : [{ ...field, rva: wanted[i]! }]));
    if (length === LONGEST_CHAIN) {
      for (const { piece, at } of given) {
        pieces.lose(what);
        link(piece, at, 4, undefined);
      }
      return;
    }
    const heads = yield* readParts(
      dump,
      what,
      given.map(({ rva }) => ({ rva, size })),
      size,
    );
    const found = yield* pieces.take(
      what,
      given.map(({ rva }, i) => {
        const head = heads[i]!;
        if (head instanceof MinidumpError) return { rva, size: dump.source.size + 1 };
        const { SizeOfInfo } = MINIDUMP_HANDLE_OBJECT_INFORMATION.decode(head, 0, littleEndian);
        return { rva, size: size + SizeOfInfo };
      }),
      4,
      size,
    );
    fields = given.flatMap(({ piece, at }, i) => {
      const next = found[i];
      link(piece, at, 4, next);
      if (next === undefined || next.linked) return [];
      next.linked = true;
      next.bytes = next.bytes.slice();
      return [{ piece: next, at: MINIDUMP_HANDLE_OBJECT_INFORMATION.offsetOf('NextInfoRva') }];
    });
  }
}
