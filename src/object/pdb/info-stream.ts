import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import { readGuid } from '../guid.js';
import type { SectionData } from '../section-data.js';

/** More is not read of it: it has a few names. */
const MAX_INFO = 4 * 1024 * 1024;

/** What the PDB stream (number 1) tells of the file. */
export interface PdbInfo {
  /** 32 upper-case hexadecimal digits, as Breakpad writes a GUID. */
  readonly guid: string;
  /** How often the file was written; it grows with each tool that adds something (srcsrv), and so it does not identify the image. */
  readonly age: number;
  /** Numbers of streams by their names: `/names`, `srcsrv`. */
  readonly namedStreams: ReadonlyMap<string, number>;
}

/** @see https://llvm.org/docs/PDB/PdbStream.html */
export function* readPdbInfo(data: SectionData): Task<PdbInfo> {
  const bytes = yield* data.read(0, Math.min(data.size, MAX_INFO));
  const reader = new ByteReader(bytes, data.name);
  reader.skip(8); // version and time
  const age = reader.u32();
  const guid = readGuid(reader);
  return { guid, age, namedStreams: readNamedStreams(reader) };
}

/** Names one after the other, and a hash table from their offsets to numbers of streams. */
function readNamedStreams(reader: ByteReader): Map<string, number> {
  const named = new Map<string, number>();
  const texts = reader.take(reader.u32());
  const count = reader.u32();
  reader.skip(4); // capacity
  reader.skip(reader.u32() * 4); // which buckets are in use
  reader.skip(reader.u32() * 4); // which were
  for (let i = 0; i < count; i++) {
    const offset = reader.u32();
    const stream = reader.u32();
    named.set(new ByteReader(texts, 'name of a PDB stream', offset).string(), stream);
  }
  return named;
}
