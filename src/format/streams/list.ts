import { MinidumpError } from '../../io/index.js';
import type { Layout } from '../layout.js';

/** A broken stream: what it should have been, and what it is. */
export function malformed(what: string, expected: string, found: string): MinidumpError {
  return new MinidumpError('malformed', `${what}: expected ${expected}, found ${found}`, { expected, found });
}

/** Refuses a stream that cannot even hold its fixed part. */
export function checkLength(what: string, bytes: Uint8Array, least: number): void {
  if (bytes.length < least) {
    throw malformed(what, `${least} bytes or more`, `${bytes.length} bytes`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * `count` elements, each `stride` bytes after the last. The count comes from the file: it is compared with the bytes that
 * there are before anything is made of it.
 */
export function decodeElements<Out, In>(
  what: string,
  element: Layout<Out, In>,
  bytes: Uint8Array,
  start: number,
  count: number,
  stride: number,
  littleEndian: boolean,
): Out[] {
  if (stride < element.size) {
    throw malformed(what, `entries of ${element.size} bytes or more`, `entries of ${stride} bytes`);
  }
  if (start + count * stride > bytes.length) {
    throw malformed(
      what,
      `${count} entries of ${stride} bytes from ${start}`,
      `a stream of ${bytes.length} bytes`,
    );
  }
  const view = viewOf(bytes);
  const all: Out[] = [];
  for (let i = 0; i < count; i++) all.push(element.read(view, start + i * stride, littleEndian));
  return all;
}

/**
 * A list that is a 32-bit count and its elements.
 *
 * Some writers on 64-bit systems, whose compilers align the first element, put four bytes of padding after the count;
 * Breakpad's and rust-minidump's readers take that in ThreadList, ModuleList and MemoryList. The stream is then exactly
 * four bytes longer than it should be, which is how it is told.
 */
export function decodeCountedList<Out, In>(
  what: string,
  element: Layout<Out, In>,
  bytes: Uint8Array,
  littleEndian = true,
): Out[] {
  checkLength(what, bytes, 4);
  const count = viewOf(bytes).getUint32(0, littleEndian);
  const padded = bytes.length === 8 + count * element.size;
  return decodeElements(what, element, bytes, padded ? 8 : 4, count, element.size, littleEndian);
}

export function encodeCountedList<Out, In>(
  element: Layout<Out, In>,
  items: readonly In[],
  littleEndian = true,
): Uint8Array {
  const bytes = new Uint8Array(4 + items.length * element.size);
  viewOf(bytes).setUint32(0, items.length, littleEndian);
  writeElements(element, items, bytes, 4, littleEndian);
  return bytes;
}

/** Writes elements one after the other into `bytes`, from `start` on. */
export function writeElements<Out, In>(
  element: Layout<Out, In>,
  items: readonly In[],
  bytes: Uint8Array,
  start: number,
  littleEndian = true,
): void {
  const view = viewOf(bytes);
  items.forEach((item, i) => {
    element.write(view, start + i * element.size, item, littleEndian);
  });
}

/** Head and elements together. */
export function encodeListWithHead<Out, In>(
  head: Uint8Array,
  element: Layout<Out, In>,
  items: readonly In[],
  littleEndian = true,
): Uint8Array {
  const bytes = new Uint8Array(head.length + items.length * element.size);
  bytes.set(head);
  writeElements(element, items, bytes, head.length, littleEndian);
  return bytes;
}
