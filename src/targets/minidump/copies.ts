import type { TargetText } from '../../dump/index.js';
import { StreamType } from '../../format/index.js';
import type { Task } from '../../io/index.js';
import type { MemoryView, Minidump } from '../../reader/index.js';

type Copy = NonNullable<TargetText['copyOf']>[number];

const AT_EXECFN = 31;
/** Fields of /proc/PID/stat behind the name in parentheses: the third field of all is the first of them. */
const ARG_START = 48 - 3;
const ENV_START = 50 - 3;

/** Memory is searched in pieces of this size. */
const CHUNK = 1 << 20;
/** How near below its texts the auxiliary vector lies: arguments and environment have 6 MiB of pointers and texts at most. */
const NEAR = 8n << 20n;
/** In sizes of the file. */
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
  /** Comparisons that are left: bytes that nearly are the same everywhere are made to cost time. */
  #effort: number;
  /** Streams whose address is not known. */
  readonly unknown: string[] = [];

  constructor(dump: Minidump, memory: MemoryView) {
    this.#dump = dump;
    this.#memory = memory;
    this.#effort = dump.source.size * EFFORT;
  }

  *find(type: number, bytes: Uint8Array): Task<readonly Copy[] | undefined> {
    if (bytes.length === 0) return undefined;
    const address = yield* this.#addressOf(type, bytes);
    return address === undefined ? undefined : [{ address, offset: 0, length: bytes.length }];
  }

  *#addressOf(type: number, bytes: Uint8Array): Task<bigint | undefined> {
    if (type === StreamType.LinuxCmdLine || type === StreamType.LinuxEnviron) {
      for (const address of yield* this.#candidates(type, bytes)) {
        if (yield* this.#mayBeAt(address, bytes)) return address;
      }
      const found = yield* this.#search(bytes);
      if (found === undefined) {
        this.unknown.push(type === StreamType.LinuxEnviron ? 'LinuxEnviron' : 'LinuxCmdLine');
      }
      return found;
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
    const stat = yield* this.#dump.tryTask('linuxStat');
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
    const auxv = yield* this.#dump.tryTask('linuxAuxv');
    return auxv?.find((entry) => entry.type === AT_EXECFN)?.value;
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
