import { decodeUtf16, MINIDUMP_STRING, MINIDUMP_TYPE } from '../../../format/index.js';
import type { Piece } from '../pieces.js';
import type { RelocationContext } from './context.js';

const { MiniDumpFilterModulePaths, MiniDumpFilterTriage } = MINIDUMP_TYPE;

/** Whether paths are cut to the names of files, in every stream that names files. */
export const cutsPaths = ({ asked }: RelocationContext): boolean =>
  (asked & (MiniDumpFilterModulePaths | MiniDumpFilterTriage)) !== 0;

/** Cuts the path in a MINIDUMP_STRING where that was asked for; a name that was shared stays shared. */
export function nameCutter(context: RelocationContext): (name: Piece | undefined) => Piece | undefined {
  if (!cutsPaths(context)) return (name) => name;
  const cut = new Map<Piece, Piece>();
  return (name) => {
    if (name === undefined) return undefined;
    let shorter = cut.get(name);
    if (shorter === undefined) {
      shorter = withoutFolder(name, context);
      cut.set(name, shorter);
    }
    return shorter;
  };
}

function withoutFolder(name: Piece, { dump, windows }: RelocationContext): Piece {
  const { littleEndian } = dump;
  const head = MINIDUMP_STRING.size;
  const { Length } = MINIDUMP_STRING.decode(name.bytes, 0, littleEndian);
  const text = decodeUtf16(name.bytes.subarray(head, head + Length), littleEndian);
  const folder = Math.max(text.lastIndexOf('/'), windows ? text.lastIndexOf('\\') : -1) + 1;
  if (folder === 0) return name;
  const bytes = new Uint8Array(head + Length - folder * 2 + 2);
  bytes.set(MINIDUMP_STRING.encode({ Length: Length - folder * 2 }, littleEndian));
  bytes.set(name.bytes.subarray(head + folder * 2, head + Length), head);
  return { ...name, bytes, links: [] };
}
