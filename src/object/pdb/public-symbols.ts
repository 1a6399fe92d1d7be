import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { readUpperBound } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { S_PUB32 } from './symbol-records.js';

const HEADER_SIZE = 28;
/** Of those at one address so many are looked at: identical functions that the linker folded into one. */
const MAX_AT_ONE = 64;
/** Records are aligned to four bytes: addresses of so many of them are kept. */
const MAX_KEPT = 8192;

/** S_PUB32: a decorated name with external linkage. */
export interface PublicSymbol {
  readonly section: number;
  readonly offset: number;
  readonly name: string;
}

/**
 * Public symbols, looked up by address through the address map of their stream: offsets of the records in the order of their addresses. A
 * look-up reads some twenty records; nothing is read whole.
 *
 * @see https://llvm.org/docs/PDB/PublicStream.html
 */
export class PublicSymbols {
  readonly #map: SectionData;
  readonly #records: SectionData;
  /** Section times 2^32 and offset, by the place in the map. */
  readonly #kept = new Map<number, number>();

  private constructor(map: SectionData, records: SectionData) {
    this.#map = map;
    this.#records = records;
  }

  /** @param records the stream of symbol records that the DBI stream names */
  static *open(data: SectionData, records: SectionData): Task<PublicSymbols> {
    const reader = new ByteReader(yield* data.read(0, HEADER_SIZE), data.name);
    const hashSize = reader.u32();
    return new PublicSymbols(data.slice(HEADER_SIZE + hashSize, reader.u32()), records);
  }

  get count(): number {
    return Math.floor(this.#map.size / 4);
  }

  /** The symbols at the highest address of those at or before a place, in its section. */
  *before(section: number, offset: number): Task<readonly PublicSymbol[]> {
    const wanted = section * 2 ** 32 + offset;
    const last = (yield* readUpperBound((i) => this.#address(i), wanted, this.count)) - 1;
    const found: PublicSymbol[] = [];
    const at = last >= 0 ? yield* this.#address(last) : -1;
    if (Math.floor(at / 2 ** 32) !== section) return found;
    for (let i = last; i >= 0 && found.length < MAX_AT_ONE; i--) {
      if ((yield* this.#address(i)) !== at) break;
      found.unshift(yield* this.symbol(i));
    }
    return found;
  }

  /** The n-th in the order of their addresses. */
  *symbol(index: number): Task<PublicSymbol> {
    const reader = yield* this.#record(index, true);
    reader.skip(4);
    const offset = reader.u32();
    const section = reader.u16();
    return { section, offset, name: reader.string() };
  }

  *#address(index: number): Task<number> {
    const known = this.#kept.get(index);
    if (known !== undefined) return known;
    const reader = yield* this.#record(index, false);
    reader.skip(4);
    const offset = reader.u32();
    const address = reader.u16() * 2 ** 32 + offset;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(index, address);
    return address;
  }

  /** Behind the kind: flags, offset, section, and the name if it is wanted. */
  *#record(index: number, whole: boolean): Task<ByteReader> {
    const at = new ByteReader(yield* this.#map.read(index * 4, 4), this.#map.name).u32();
    const head = new ByteReader(yield* this.#records.read(at, 14), this.#records.name);
    const length = head.u16();
    if (head.u16() !== S_PUB32) throw broken(this.#records.name, 'a public symbol', `another at ${at}`);
    if (!whole) return head;
    return new ByteReader(yield* this.#records.read(at, length + 2), this.#records.name, 4);
  }
}

/**
 * The name of C that a decorated one stands for (`_main`, `_GetLastError@0`, `@__security_check_cookie@4`), and the bytes of parameters that
 * it tells. Mangled names of C++ stay as they are, and so do all on x86-64 and ARM64, where names of C are not decorated.
 */
export function undecorated(name: string, isX86: boolean): { name: string; parameterSize: number } {
  if (name.startsWith('?') || !isX86) return { name, parameterSize: 0 };
  const [, prefix, plain, size] = /^([_@]?)(.+?)(?:@@?(\d{1,5}))?$/s.exec(name) ?? [];
  if (plain === undefined || (prefix === '' && size === undefined)) return { name, parameterSize: 0 };
  return { name: plain, parameterSize: Number(size ?? 0) };
}

/** Whether a public symbol is that of a function of C. Assemblers give both the decorated name. */
export function isPublicOfC(name: string, procedure: string, isX86: boolean): boolean {
  if (name.startsWith('?')) return false;
  return name === procedure || undecorated(name, isX86).name === procedure;
}
