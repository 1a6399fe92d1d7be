import { broken } from '../bytes.js';

/** What has been decompressed, which is also the dictionary. It grows with what comes, not with what is announced. */
export class Output {
  readonly #limit: number;
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #reset = 0;

  /** @param limit bytes; more are `malformed` */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  get sinceReset(): number {
    return this.#length - this.#reset;
  }

  /** What came until here is forgotten by matches. */
  reset(): void {
    this.#reset = this.#length;
  }

  #makeRoom(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#limit) throw broken('xz data', `at most ${this.#limit} bytes in it`, 'more');
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#bytes.length * 2)));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  push(byte: number): void {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The byte so far back; 0 before the first. */
  back(distance: number): number {
    return distance <= this.sinceReset ? this.#bytes[this.#length - distance]! : 0;
  }

  /** Appends what came before; the two may overlap. */
  copy(distance: number, count: number): void {
    if (distance > this.sinceReset)
      throw broken('LZMA data', `a distance of at most ${this.sinceReset}`, `${distance}`);
    this.#makeRoom(count);
    for (let i = 0; i < count; i++) {
      this.#bytes[this.#length] = this.#bytes[this.#length - distance]!;
      this.#length++;
    }
  }

  /** All of it; not a copy. */
  bytes(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length);
  }
}
