import type { Task } from '../io/index.js';
import { DT_STRTAB, type DynamicSection, type ImageReader } from './elf.js';

/**
 * Looks symbols of a loaded image up the way the dynamic linker does, by the hash tables of its dynamic section, so that a few
 * bytes are read and not the whole table. What these tables say is bounded and never believed.
 */

const DT_HASH = 4n;
export const DT_SYMTAB = 6n;
const DT_GNU_HASH = 0x6ffffef5n;

const SYMBOL_SIZE = 24;
/** No hash chain of a real library comes near this. */
const MAX_CHAIN = 10_000;
/** More buckets than this are a broken table's. */
const MAX_BUCKETS = 1 << 24;

/** A symbol of the dynamic symbol table. */
export interface DynamicSymbol {
  /** From the start of the image. */
  offset: bigint;
  size: number;
}

/** Finds a defined symbol by its name, whatever its version; undefined if the image does not export it. */
export function* findSymbol(
  dynamic: DynamicSection,
  name: string,
  read: ImageReader,
): Task<DynamicSymbol | undefined> {
  const symbols = dynamic.entries.get(DT_SYMTAB);
  const strings = dynamic.entries.get(DT_STRTAB);
  if (symbols === undefined || strings === undefined) return undefined;
  const wanted = new TextEncoder().encode(`${name}\0`);
  const symbolTable = dynamic.offsetOf(symbols);
  const stringTable = dynamic.offsetOf(strings);

  function* symbolAt(index: number): Task<DynamicSymbol | undefined> {
    const entry = yield* view(symbolTable + BigInt(index) * BigInt(SYMBOL_SIZE), SYMBOL_SIZE);
    if (entry === undefined) return undefined;
    const section = entry.getUint16(6, true);
    if (section === 0) return undefined;
    const text = yield* read(stringTable + BigInt(entry.getUint32(0, true)), wanted.length);
    if (text === undefined || text.length < wanted.length || wanted.some((byte, i) => text[i] !== byte))
      return undefined;
    return {
      offset: dynamic.offsetOf(entry.getBigUint64(8, true)),
      size: Number(entry.getBigUint64(16, true) & 0xffff_ffffn),
    };
  }

  function* view(offset: bigint, length: number): Task<DataView | undefined> {
    const bytes = yield* read(offset, length);
    return bytes === undefined || bytes.length < length
      ? undefined
      : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** DT_GNU_HASH: buckets of first indices, and hashes by index whose lowest bit ends a chain. */
  function* byGnuHash(table: bigint): Task<DynamicSymbol | undefined> {
    const head = yield* view(table, 16);
    if (head === undefined) return undefined;
    const buckets = head.getUint32(0, true);
    const firstIndex = head.getUint32(4, true);
    const bloomWords = head.getUint32(8, true);
    if (buckets === 0 || buckets > MAX_BUCKETS || bloomWords > MAX_BUCKETS) return undefined;
    const hash = gnuHash(name);
    const bucketTable = table + 16n + BigInt(bloomWords) * 8n;
    const chainTable = bucketTable + BigInt(buckets) * 4n;
    const bucket = yield* view(bucketTable + BigInt(hash % buckets) * 4n, 4);
    const start = bucket?.getUint32(0, true) ?? 0;
    if (start < firstIndex) return undefined;
    for (let index = start; index < start + MAX_CHAIN; index++) {
      const found = (yield* view(chainTable + BigInt(index - firstIndex) * 4n, 4))?.getUint32(0, true);
      if (found === undefined) return undefined;
      if ((found | 1) === (hash | 1)) {
        const symbol = yield* symbolAt(index);
        if (symbol !== undefined) return symbol;
      }
      if ((found & 1) === 1) return undefined;
    }
    return undefined;
  }

  /** DT_HASH of the System V ABI: buckets and a chain of indices. */
  function* byHash(table: bigint): Task<DynamicSymbol | undefined> {
    const head = yield* view(table, 8);
    if (head === undefined) return undefined;
    const buckets = head.getUint32(0, true);
    if (buckets === 0 || buckets > MAX_BUCKETS) return undefined;
    const word = function* (at: number): Task<number> {
      return (yield* view(table + 8n + BigInt(at) * 4n, 4))?.getUint32(0, true) ?? 0;
    };
    let index = yield* word(systemVHash(name) % buckets);
    for (let i = 0; index !== 0 && i < MAX_CHAIN; i++) {
      const symbol = yield* symbolAt(index);
      if (symbol !== undefined) return symbol;
      index = yield* word(buckets + index);
    }
    return undefined;
  }

  const gnu = dynamic.entries.get(DT_GNU_HASH);
  if (gnu !== undefined) return yield* byGnuHash(dynamic.offsetOf(gnu));
  const systemV = dynamic.entries.get(DT_HASH);
  return systemV === undefined ? undefined : yield* byHash(dynamic.offsetOf(systemV));
}

/**
 * How many entries the dynamic symbol table has: no entry of the dynamic section says it, the hash tables do. 0 where they are not
 * there or make no sense.
 */
export function* countSymbols(dynamic: DynamicSection, pointerSize: 4 | 8, read: ImageReader): Task<number> {
  function* words(offset: bigint, count: number): Task<DataView | undefined> {
    const bytes = yield* read(offset, count * 4);
    if (bytes === undefined || bytes.length < count * 4) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  const systemV = dynamic.entries.get(DT_HASH);
  // nbucket, nchain: as many chains as symbols.
  if (systemV !== undefined) return (yield* words(dynamic.offsetOf(systemV), 2))?.getUint32(4, true) ?? 0;
  const gnu = dynamic.entries.get(DT_GNU_HASH);
  const table = gnu === undefined ? 0n : dynamic.offsetOf(gnu);
  const head = gnu === undefined ? undefined : yield* words(table, 4);
  if (head === undefined) return 0;
  const bucketCount = head.getUint32(0, true);
  const firstIndex = head.getUint32(4, true);
  const bloomWords = head.getUint32(8, true);
  if (bucketCount > MAX_BUCKETS || bloomWords > MAX_BUCKETS) return 0;
  const bucketTable = table + 16n + BigInt(bloomWords) * BigInt(pointerSize);
  const buckets = yield* words(bucketTable, bucketCount);
  if (buckets === undefined) return 0;
  let last = 0;
  for (let i = 0; i < bucketCount; i++) last = Math.max(last, buckets.getUint32(i * 4, true));
  if (last < firstIndex) return firstIndex;
  // The chain of the bucket that begins last ends the table.
  const chains = bucketTable + BigInt(bucketCount) * 4n;
  for (let index = last; index < last + MAX_CHAIN; index++) {
    const hash = (yield* words(chains + BigInt(index - firstIndex) * 4n, 1))?.getUint32(0, true);
    if (hash === undefined) return 0;
    if ((hash & 1) === 1) return index + 1;
  }
  return 0;
}

function gnuHash(name: string): number {
  let hash = 5381;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 33) + name.charCodeAt(i)) >>> 0;
  return hash;
}

function systemVHash(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = ((hash << 4) + name.charCodeAt(i)) >>> 0;
    const high = hash & 0xf000_0000;
    hash = (hash ^ (high >>> 24)) & ~high;
  }
  return hash >>> 0;
}
