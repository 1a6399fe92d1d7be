import type { AddressRange } from '../dump/ranges.js';
import type { ReadMemory, TargetLinkMap, TargetModule } from '../dump/target.js';
import type { Task } from '../io/index.js';
import { PT_TLS, readElfImage } from '../object/elf.js';
import { imageReader, type NptlLayout } from './nptl.js';
import { type Dtv, readDtv } from './thread-block.js';

/** Larger TLS blocks than this are a broken header's. */
const MAX_TLS = 1n << 31n;
/** l_tls_offset of a module that must not be static: -1, and -2 in some versions. */
const FORCED_DYNAMIC = 0xffff_ffff_ffff_fff0n;

/**
 * Where the thread-local variables of modules lie. Each thread has a block for each module with a PT_TLS segment: at a fixed
 * distance below its thread block for the program and what was loaded with it, elsewhere, found by the thread's DTV, for
 * what was loaded later, and then only once the thread has used it. Of modules but the program only glibc tells.
 *
 * A block that was freed by dlclose may still stand in a DTV until the thread next looks: then its place is told all the same.
 */
export class ThreadLocals {
  readonly #layout: NptlLayout | undefined;
  readonly #linkMap: TargetLinkMap | undefined;
  /** The entry point: it lies in the program itself. */
  readonly #entry: bigint;
  readonly #dtvs = new Map<bigint, Dtv | undefined>();

  constructor(layout: NptlLayout | undefined, linkMap: TargetLinkMap | undefined, entry: bigint) {
    this.#layout = layout;
    this.#linkMap = linkMap;
    this.#entry = entry;
  }

  /**
   * The blocks of a module: one for each thread that has one.
   *
   * @param threads the bases of fs of the threads
   */
  *blocks(module: TargetModule, threads: ReadonlySet<bigint>, read: ReadMemory): Task<AddressRange[]> {
    const image = yield* readElfImage(imageReader(module, read));
    const header = image?.headers.find(({ type }) => type === PT_TLS);
    if (image === undefined || header === undefined) return [];
    const { memorySize, alignment } = header;
    if (memorySize === 0n || memorySize > MAX_TLS) return [];
    const ranges: AddressRange[] = [];
    const add = (start: bigint) => ranges.push({ start, end: start + memorySize });

    if (this.#isProgram(module)) {
      // Variant II of the TLS ABI, whatever the library: the linker has built it into the code that the block of the program ends
      // at the thread block, as aligned as it asks for.
      const align = alignment > 0n ? alignment : 1n;
      const distance = ((memorySize + align - 1n) / align) * align;
      for (const fsBase of threads) if (fsBase > distance) add(fsBase - distance);
      return ranges;
    }
    const object = this.#linkMap?.objects.find(({ address }) => address + image.linkBase === module.base);
    if (object === undefined || this.#layout === undefined) return [];
    const { tlsModule, tlsOffset } = this.#layout;
    const number = Number((yield* this.#word(object.at + BigInt(tlsModule), read)) ?? 0n);
    if (number === 0) return [];
    const offset = (yield* this.#word(object.at + BigInt(tlsOffset), read)) ?? 0n;
    for (const fsBase of threads) {
      if (fsBase === 0n) continue;
      if (offset > 0n && offset < FORCED_DYNAMIC) {
        if (offset < fsBase) add(fsBase - offset);
      } else {
        const block = (yield* this.#dtv(fsBase, this.#layout, read))?.block(number);
        if (block !== undefined) add(block);
      }
    }
    return ranges;
  }

  #isProgram({ base, size }: TargetModule): boolean {
    return this.#entry >= base && this.#entry < base + BigInt(size);
  }

  *#dtv(fsBase: bigint, layout: NptlLayout, read: ReadMemory): Task<Dtv | undefined> {
    if (!this.#dtvs.has(fsBase)) this.#dtvs.set(fsBase, yield* readDtv(fsBase, layout, read));
    return this.#dtvs.get(fsBase);
  }

  *#word(address: bigint, read: ReadMemory): Task<bigint | undefined> {
    const bytes = yield* read(address, 8);
    if (bytes.length < 8) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  }
}
