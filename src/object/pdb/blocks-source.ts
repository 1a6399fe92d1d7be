import { checkRange, type Source } from '../../io/index.js';

/** What lies in blocks all over a file, as one piece. It answers at once where the file does. */
export class BlocksSource implements Source {
  readonly size: number;
  readonly #source: Source;
  readonly #blockSize: number;
  readonly #blocks: Uint32Array;

  /** @param blocks the numbers of the blocks, in order; enough for `size` bytes */
  constructor(source: Source, blockSize: number, size: number, blocks: Uint32Array) {
    this.size = size;
    this.#source = source;
    this.#blockSize = blockSize;
    this.#blocks = blocks;
  }

  read(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    const runs = this.#runs(offset, end);
    if (runs.length === 1) return this.#source.read(runs[0]!.from, runs[0]!.length);
    const parts = runs.map(({ from, length: part }) => this.#source.read(from, part));
    const join = (all: readonly Uint8Array[]) => {
      const bytes = new Uint8Array(Math.max(0, end - offset));
      let at = 0;
      all.forEach((part, i) => {
        bytes.set(part, at);
        at += runs[i]!.length;
      });
      // Cut off meanwhile: whoever reads sees that it is shorter.
      return all.some((part, i) => part.length < runs[i]!.length) ? bytes.subarray(0, 0) : bytes;
    };
    return parts.some((part) => part instanceof Promise)
      ? Promise.all(parts).then(join)
      : join(parts as Uint8Array[]);
  }

  /** Ranges of the file, of blocks that follow each other in one. */
  #runs(offset: number, end: number): { from: number; length: number }[] {
    const size = this.#blockSize;
    const runs: { from: number; length: number }[] = [];
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / size);
      const within = at - index * size;
      const from = this.#blocks[index]! * size + within;
      const length = Math.min(size - within, end - at);
      checkRange('PDB block', from, length, this.#source.size);
      const last = runs.at(-1);
      if (last && last.from + last.length === from) last.length += length;
      else runs.push({ from, length });
      at += length;
    }
    return runs;
  }
}
