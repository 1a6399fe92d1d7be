import type { Task } from '../../io/index.js';
import type { SectionData } from '../section-data.js';

const PIECE = 256 * 1024;

/** A table of rows of one size, read piece by piece; what is left over at its end is no row. */
export function* eachRow(
  data: SectionData,
  start: number,
  rowSize: number,
  row: (view: DataView, at: number, index: number) => void,
): Task<void> {
  const count = Math.max(0, Math.floor((data.size - start) / rowSize));
  const perPiece = Math.floor(PIECE / rowSize);
  for (let first = 0; first < count; first += perPiece) {
    const rows = Math.min(perPiece, count - first);
    // Past the kept blocks: nobody comes back.
    const bytes = yield* data.glance(start + first * rowSize, rows * rowSize);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < rows; i++) row(view, i * rowSize, first + i);
  }
}
