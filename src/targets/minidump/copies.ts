import type { TargetText } from '../../dump/index.js';
import { StreamType } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import type { MemoryView, Minidump, StreamEntry, StreamKey, Streams } from '../../reader/index.js';

type Copy = NonNullable<TargetText['copyOf']>[number];

const AT_EXECFN = 31;
/** Fields of /proc/PID/stat behind the name in parentheses: the third field of all is the first of them. */
const ARG_START = 48 - 3;
const ENV_START = 50 - 3;

/** Memory is searched in pieces of this size. */
const CHUNK = 1 << 20;
/** How near below its texts the auxiliary vector lies: arguments and environment have 6 MiB of pointers and texts at most. */
const NEAR = 8n << 20n;
/** In sizes of the file: each stream that is searched for needs one or two in a sound one. */
const EFFORT = 16;
/** A shorter text stands in many places by chance. */
const LEAST = 8;

/**
 * Where in the process the streams are that are copies of its memory, so that what a callback removes by its address is blanked in
 * them, too. Streams of /proc do not tell; LinuxProcStat does, the program's name behind the environment (AT_EXECFN) does,
 * and else the bytes are searched for in the memory that is stored.
 */
export class Copies {
  readonly #dump: Minidump;
  readonly #memory: MemoryView;
  /**
   * Bytes that may yet be looked at: a file may have the same megabyte at a thousand addresses, and bytes that nearly are the
   * same everywhere are made to cost time.
   */
  #effort: number;
  /** The first stream of each type that was asked for, and its address. */
  readonly #found = new Map<number, { rva: number; dataSize: number; address: bigint | undefined }>();
  readonly #facts = new Map<StreamKey, unknown>();

  constructor(dump: Minidump, memory: MemoryView) {
    this.#dump = dump;
    this.#memory = memory;
    this.#effort = dump.source.size * EFFORT;
  }

  /** The name of streams of this type, if they hold what a user may want to be rid of, so that he is told where they are not found. */
  static nameOf(type: number): string | undefined {
    if (type === StreamType.LinuxEnviron) return 'LinuxEnviron';
    return type === StreamType.LinuxCmdLine ? 'LinuxCmdLine' : undefined;
  }

  /**
   * Where a stream is in the process; undefined where that is not known. Of several streams of a type, which no writer makes, only the
   * first one that is asked for is looked for: a search may take a pass through all memory.
   */
  *find(
    { streamType: type, rva, dataSize }: StreamEntry,
    bytes: Uint8Array,
  ): Task<readonly Copy[] | undefined> {
    if (bytes.length === 0) return undefined;
    let found = this.#found.get(type);
    if (found === undefined) {
      found = { rva, dataSize, address: yield* this.#addressOf(type, bytes) };
      this.#found.set(type, found);
    }
    if (found.address === undefined || found.rva !== rva || found.dataSize !== dataSize) return undefined;
    return [{ address: found.address, offset: 0, length: bytes.length }];
  }

  *#addressOf(type: number, bytes: Uint8Array): Task<bigint | undefined> {
    if (type === StreamType.LinuxCmdLine || type === StreamType.LinuxEnviron) {
      for (const address of yield* this.#candidates(type, bytes)) {
        if (yield* this.#mayBeAt(address, bytes)) return address;
      }
      return yield* this.#search(bytes);
    }
    if (type === StreamType.LinuxAuxv) {
      // It lies below the texts that it points to.
      const name = yield* this.#programName();
      return name === undefined
        ? undefined
        : yield* this.#search(bytes, name > NEAR ? name - NEAR : 0n, name);
    }
    return undefined;
  }

  /** What other streams say. */
  *#candidates(type: number, bytes: Uint8Array): Task<bigint[]> {
    const candidates: bigint[] = [];
    const stat = yield* this.#fact('linuxStat');
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    const start = fields?.[type === StreamType.LinuxEnviron ? ENV_START : ARG_START];
    if (start !== undefined && /^\d{2,20}$/.test(start)) candidates.push(BigInt(start));
    const name = yield* this.#programName();
    const environment = this.#dump.entry(StreamType.LinuxEnviron)?.dataSize ?? 0;
    if (name !== undefined && environment > 0) {
      // The kernel puts arguments, environment and this name one behind the other.
      const before = type === StreamType.LinuxEnviron ? environment : environment + bytes.length;
      candidates.push(name - BigInt(before));
    }
    return candidates.filter((address) => address > 0n);
  }

  /** Address of the file name that the program was started by; it lies behind the environment. */
  *#programName(): Task<bigint | undefined> {
    const auxv = yield* this.#fact('linuxAuxv');
    return auxv?.find((entry) => entry.type === AT_EXECFN)?.value;
  }

  /** What another stream says; a broken one, too, is read once. */
  *#fact<K extends StreamKey>(key: K): Task<Streams[K] | undefined> {
    if (!this.#facts.has(key)) this.#facts.set(key, yield* this.#dump.tryTask(key));
    return this.#facts.get(key) as Streams[K] | undefined;
  }

  /** Whether the memory there is not another; it need not be in the dump. */
  *#mayBeAt(address: bigint, bytes: Uint8Array): Task<boolean> {
    const stored = yield* this.#memory.readTask(address, bytes.length);
    return stored.every((byte, i) => byte === bytes[i]);
  }

  *#search(bytes: Uint8Array, from = 0n, to = 1n << 64n): Task<bigint | undefined> {
    if (bytes.length < LEAST) return undefined;
    for (const range of this.#memory.ranges()) {
      const end = range.end < to ? range.end : to;
      for (let at = range.start > from ? range.start : from; at < end; at += BigInt(CHUNK)) {
        const left = end - at;
        const chunk = yield* this.#memory.readTask(at, left < CHUNK ? Number(left) : CHUNK);
        this.#effort -= chunk.length;
        for (let i = chunk.indexOf(bytes[0]!); i >= 0; i = chunk.indexOf(bytes[0]!, i + 1)) {
          if (!this.#startsWith(chunk, i, bytes)) continue;
          if (i + bytes.length <= chunk.length) return at + BigInt(i);
          const address = at + BigInt(i);
          const stored = yield* this.#memory.readTask(address, bytes.length);
          this.#effort -= stored.length;
          if (stored.length === bytes.length && stored.every((byte, k) => byte === bytes[k])) return address;
        }
        if (this.#effort < 0) return undefined;
      }
    }
    return undefined;
  }

  /** As far as the chunk goes. */
  #startsWith(chunk: Uint8Array, at: number, bytes: Uint8Array): boolean {
    const length = this.#effort < 0 ? 0 : Math.min(bytes.length, chunk.length - at);
    let same = 1;
    while (same < length && chunk[at + same] === bytes[same]) same++;
    this.#effort -= same;
    return same === length;
  }
}
