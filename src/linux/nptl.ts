import type { ReadMemory, TargetModule } from '../dump/target.js';
import type { Task } from '../io/index.js';
import { type ImageReader, readDynamicSection, readElfImage } from '../object/elf.js';
import { findSymbol } from '../object/elf-symbols.js';

/**
 * Where glibc keeps what in its own structures. It tells debuggers by symbols of its own (nptl_db, GLIBC_PRIVATE): a field is
 * described by three words, its size in bits, its number of elements and its offset; a size is one word. Offsets are bytes.
 *
 * They are read anew from each process: what a process says of its own library must not be believed of another.
 */
export interface NptlLayout {
  /** sizeof (struct pthread) */
  threadSize: number;
  /** struct pthread: pid_t tid */
  tid: number;
  /** struct pthread: the function that the thread was started with */
  startRoutine: number;
  /** struct pthread: the pointer to its DTV */
  dtv: number;
  /** struct link_map: number of the TLS block of the module, 0 for none */
  tlsModule: number;
  /** struct link_map: how far below the thread block that of each thread lies, if the module's is static */
  tlsOffset: number;
}

const FIELDS: readonly (readonly [keyof NptlLayout, string])[] = [
  ['tid', 'pthread_tid'],
  ['startRoutine', 'pthread_start_routine'],
  ['dtv', 'pthread_dtvp'],
  ['tlsModule', 'link_map_l_tls_modid'],
  ['tlsOffset', 'link_map_l_tls_offset'],
];
/** Since glibc 2.34 these symbols are exported; before that they were in libpthread's symbol table, which is not loaded. */
const LIBRARY = 'libc.so.6';
/** struct pthread is 2,304 bytes in glibc 2.36; struct link_map is smaller. */
const MAX_SIZE = 64 * 1024;
/** Its head, tcbhead_t, alone is larger. */
const MIN_SIZE = 64;

/**
 * The layout of the glibc that a process has loaded; undefined for an older one, for another library (musl) and
 * for a static program.
 *
 * @param read gives memory of the process
 */
export function* readNptlLayout(
  modules: readonly TargetModule[],
  read: ReadMemory,
): Task<NptlLayout | undefined> {
  for (const module of modules) {
    const name = module.path.slice(module.path.lastIndexOf('/') + 1);
    if (name !== LIBRARY) continue;
    const layout = yield* readLayout(module, read);
    if (layout !== undefined) return layout;
  }
  return undefined;
}

function* readLayout(module: TargetModule, readMemory: ReadMemory): Task<NptlLayout | undefined> {
  const read = imageReader(module, readMemory);
  const image = yield* readElfImage(read);
  const dynamic = image && (yield* readDynamicSection(image, module.base, read));
  if (dynamic === undefined) return undefined;

  /** The words of a variable of the library. */
  const words = function* (name: string, count: number): Task<DataView | undefined> {
    const symbol = yield* findSymbol(dynamic, `_thread_db_${name}`, read);
    if (symbol === undefined || symbol.size !== count * 4) return undefined;
    const bytes = yield* read(symbol.offset, count * 4);
    if (bytes === undefined || bytes.length < count * 4) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const threadSize = (yield* words('sizeof_pthread', 1))?.getUint32(0, true) ?? 0;
  if (threadSize < MIN_SIZE || threadSize > MAX_SIZE) return undefined;
  const layout: NptlLayout = { threadSize, tid: 0, startRoutine: 0, dtv: 0, tlsModule: 0, tlsOffset: 0 };
  for (const [field, name] of FIELDS) {
    const offset = (yield* words(name, 3))?.getUint32(8, true);
    if (offset === undefined || offset > MAX_SIZE) return undefined;
    layout[field] = offset;
  }
  const { tid, startRoutine, dtv } = layout;
  return Math.max(tid + 4, startRoutine + 8, dtv + 8) > threadSize ? undefined : layout;
}

/** Reads within a module: nothing in its headers leads out of it. */
export function imageReader(module: TargetModule, read: ReadMemory): ImageReader {
  return function* (offset, length) {
    if (offset < 0n || offset >= BigInt(module.size)) return undefined;
    const left = BigInt(module.size) - offset;
    const bytes = yield* read(module.base + offset, left < BigInt(length) ? Number(left) : length);
    return bytes.length === 0 ? undefined : bytes;
  };
}
