import { MinidumpError, type Task } from '../../io/index.js';
import { ByteReader, paddedText } from '../bytes.js';
import { readGuid, upperHex } from '../guid.js';
import type { PeHeaders } from './headers.js';
import { directoryOf, type PeImage } from './image.js';

const IMAGE_DEBUG_TYPE_CODEVIEW = 2;
const IMAGE_DEBUG_TYPE_REPRO = 16;
const IMAGE_DEBUG_TYPE_EMBEDDED_PORTABLE_PDB = 17;
const ENTRY_SIZE = 28;
const MAX_ENTRIES = 64;
/** Of a CodeView record: a path has at most 32,767 characters. */
const MAX_RECORD = 100 * 1024;
const RSDS = 0x53445352;
const NB10 = 0x3031424e;
const MPDB = 0x4244504d;

/** What the debug directory says: which PDB belongs to the image. */
export interface PeDebugDirectory {
  /** As Breakpad forms it: GUID and age, or the time stamp of PDB 2.0 and age. Undefined where no PDB is named. */
  readonly debugIdentifier: string | undefined;
  /** The path of the PDB, as the linker wrote it. */
  readonly pdbName: string | undefined;
  /** The time stamp of the image is a hash of what it was made from. */
  readonly reproducible: boolean;
  /**
   * A portable PDB of .NET, compressed with raw deflate, inside the image. Its id is that of the CodeView record beside it. RVA and
   * sizes in bytes.
   */
  readonly embeddedPdb:
    | { readonly address: number; readonly size: number; readonly unpackedSize: number }
    | undefined;
}

export const NO_DEBUG_DIRECTORY: PeDebugDirectory = {
  debugIdentifier: undefined,
  pdbName: undefined,
  reproducible: false,
  embeddedPdb: undefined,
};

/**
 * Of the code itself, what Microsoft's symbol servers file an image by: its time stamp, eight digits, and its size. Breakpad has it
 * so too, in capitals.
 */
export const peIdentifier = ({ timeStamp, imageSize }: PeHeaders): string =>
  timeStamp.toString(16).padStart(8, '0') + imageSize.toString(16);

/** A record that is broken, or not there, is as if it were absent. */
export function* readDebugDirectory(image: PeImage): Task<PeDebugDirectory> {
  const directory = directoryOf(image.headers, 'debug');
  if (directory === undefined) return NO_DEBUG_DIRECTORY;
  const count = Math.min(MAX_ENTRIES, Math.floor(directory.size / ENTRY_SIZE));
  const table = yield* image.read(directory.address, count * ENTRY_SIZE);
  if (table === undefined) return NO_DEBUG_DIRECTORY;
  const found = { ...NO_DEBUG_DIRECTORY } as { -readonly [K in keyof PeDebugDirectory]: PeDebugDirectory[K] };
  for (let i = 0; i < count; i++) {
    const reader = new ByteReader(table, 'debug directory', i * ENTRY_SIZE + 12);
    const [type, size, address] = [reader.u32(), reader.u32(), reader.u32()];
    if (type === IMAGE_DEBUG_TYPE_REPRO) found.reproducible = true;
    else if (
      type === IMAGE_DEBUG_TYPE_CODEVIEW &&
      found.debugIdentifier === undefined &&
      size <= MAX_RECORD
    ) {
      const record = yield* image.read(address, size);
      if (record) Object.assign(found, codeView(record));
    } else if (type === IMAGE_DEBUG_TYPE_EMBEDDED_PORTABLE_PDB && size > 8) {
      const head = yield* image.read(address, 8);
      const reader = head && new ByteReader(head, 'embedded portable PDB');
      if (reader?.u32() !== MPDB) continue;
      found.embeddedPdb = { address: address + 8, size: size - 8, unpackedSize: reader.u32() };
    }
  }
  return found;
}

function codeView(record: Uint8Array): Pick<PeDebugDirectory, 'debugIdentifier' | 'pdbName'> | undefined {
  const reader = new ByteReader(record, 'CodeView record');
  try {
    const signature = reader.u32();
    let id: string;
    if (signature === RSDS) id = readGuid(reader);
    else if (signature === NB10) {
      reader.skip(4);
      id = upperHex(reader.u32(), 8);
    } else return undefined;
    const age = reader.u32();
    const pdbName = paddedText(record.subarray(reader.position)) || undefined;
    const known = signature === NB10 || /[^0]/.test(id);
    return { debugIdentifier: known ? id + age.toString(16) : undefined, pdbName };
  } catch (error) {
    if (error instanceof MinidumpError && error.code === 'malformed') return undefined;
    throw error;
  }
}
