import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import type { MachFile } from './mach-file.js';

/**
 * LC_FUNCTION_STARTS: RVAs at which functions begin, ascending, also of those whose symbols were stripped. Empty where the file does not
 * say. Throws `malformed` where the list does not lie inside the file.
 */
export function* readFunctionStarts(file: MachFile): Task<Uint32Array> {
  const place = file.commands.functionStarts;
  if (place === undefined) return new Uint32Array();
  const data = file.range('function starts', place);
  const reader = new ByteReader(yield* data.read(0, data.size), 'function starts');
  // Distances from one to the next, of a byte at least; the first is from the header, a 0 ends them.
  const starts = new Uint32Array(reader.left);
  let count = 0;
  let rva = 0;
  while (reader.left > 0) {
    const distance = reader.uleb();
    rva += distance;
    if (distance === 0 || rva >= 2 ** 32) break;
    // The lowest bit tells Thumb code.
    starts[count++] = file.cpu === 'arm' && rva % 2 === 1 ? rva - 1 : rva;
  }
  return starts.slice(0, count);
}
