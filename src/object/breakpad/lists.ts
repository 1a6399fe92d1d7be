/** Bytes that more are added to. */
export class ByteList {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for so many bytes more; `bytes` may be another array afterwards. */
  reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  get used(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Rows of unsigned 32-bit numbers, all of one width, one after the other. */
export class RowList {
  numbers: Uint32Array;
  /** Rows, not numbers. */
  length = 0;
  readonly width: number;

  constructor(width: number) {
    this.width = width;
    this.numbers = new Uint32Array(width * 64);
  }

  /** The place in `numbers` of a new row. What is there is left over: all of it must be written. */
  add(): number {
    const at = this.length * this.width;
    if (at === this.numbers.length) {
      const larger = new Uint32Array(this.numbers.length * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.length++;
    return at;
  }

  clear(): void {
    this.length = 0;
  }

  /** The rows in another order, or some of them. */
  take(order: Uint32Array): void {
    const { width, numbers } = this;
    const taken = new Uint32Array(Math.max(order.length, 1) * width);
    for (let i = 0; i < order.length; i++) {
      const from = order[i]! * width;
      for (let k = 0; k < width; k++) taken[i * width + k] = numbers[from + k]!;
    }
    this.numbers = taken;
    this.length = order.length;
  }

  get used(): Uint32Array {
    return this.numbers.subarray(0, this.length * this.width);
  }
}

/**
 * Which rows there are after sorting; undefined if they stand in order already. Rows that compare alike keep the order
 * they have.
 */
export function sortedOrder(
  count: number,
  compare: (a: number, b: number) => number,
): Uint32Array | undefined {
  let sorted = true;
  for (let i = 1; sorted && i < count; i++) sorted = compare(i - 1, i) <= 0;
  if (sorted) return undefined;
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => compare(a, b) || a - b);
}
