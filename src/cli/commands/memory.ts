import { MinidumpError } from '../../io/index.js';
import type { MemoryRange, MemoryView } from '../../reader/index.js';
import { parseAddress, parseSize, wrong } from '../arguments.js';
import { withDump } from '../dump-file.js';
import { out, print, printJson, write } from '../output.js';
import { hex, hexDump, size } from '../text.js';

/** Read and shown at once. */
const CHUNK = 1 << 20;

/** `mdmp memory FILE ADDRESS LENGTH` */
export async function memory(
  file: string,
  addressText: string,
  lengthText: string,
  options: { json?: boolean; raw?: boolean },
): Promise<void> {
  const start = parseAddress(addressText, 'ADDRESS');
  const end = start + BigInt(parseSize(lengthText, 'LENGTH'));
  if (end === start) throw wrong('LENGTH must be more than 0');
  if (end > 1n << 64n) throw wrong('ADDRESS and LENGTH reach past the end of the address space');
  await withDump(file, async (dump) => {
    const view = dump.memorySync();
    const held = view.ranges().filter((range) => range.start < end && range.end > start);
    if (held.length === 0) {
      throw new MinidumpError('memory-missing', `the dump holds no memory at ${hex(start)} … ${hex(end)}`, {
        advice: '`mdmp show FILE memory` lists what it holds',
      });
    }
    const parts = cut(held, start, end);
    if (options.raw) await writeRaw(view, parts, start, end);
    else if (options.json) await printParts(view, parts);
    else await printDump(view, parts, end - start);
  });
}

interface Part {
  start: bigint;
  end: bigint;
}

/** The ranges as far as they were asked for; those that touch are one. */
function cut(ranges: readonly MemoryRange[], start: bigint, end: bigint): Part[] {
  const parts: Part[] = [];
  for (const range of ranges) {
    const from = range.start > start ? range.start : start;
    const to = range.end < end ? range.end : end;
    const last = parts.at(-1);
    if (last?.end === from) last.end = to;
    else parts.push({ start: from, end: to });
  }
  return parts;
}

function* chunks(view: MemoryView, { start, end }: Part): Generator<{ at: bigint; bytes: Uint8Array }> {
  for (let at = start; at < end; at += BigInt(CHUNK)) {
    yield { at, bytes: view.readSync(at, Math.min(Number(end - at), CHUNK)) };
  }
}

async function writeRaw(view: MemoryView, parts: readonly Part[], start: bigint, end: bigint): Promise<void> {
  const [part] = parts;
  if (parts.length !== 1 || part!.start !== start || part!.end !== end) {
    const gap = part!.start > start ? start : part!.end;
    // Bytes without their addresses: a hole would shift all that follows.
    throw new MinidumpError('memory-missing', `the dump does not hold the memory at ${hex(gap)}`, {
      advice: 'Ask for less, or leave --raw out to see what there is',
    });
  }
  for (const { bytes } of chunks(view, part!)) await write(bytes);
}

async function printParts(view: MemoryView, parts: readonly Part[]): Promise<void> {
  await printJson(
    parts.map(({ start, end }) => ({
      address: start,
      size: Number(end - start),
      hex: Buffer.from(view.readSync(start, Number(end - start))).toString('hex'),
    })),
  );
}

async function printDump(view: MemoryView, parts: readonly Part[], wanted: bigint): Promise<void> {
  let held = 0n;
  for (const [i, part] of parts.entries()) {
    if (i > 0)
      await print(out.dim(`  … ${size(part.start - parts[i - 1]!.end)} that the dump does not hold`));
    for (const { at, bytes } of chunks(view, part)) await print(hexDump(bytes, at));
    held += part.end - part.start;
  }
  if (held < wanted) await print(out.dim(`${size(held)} of ${size(wanted)} are in the dump`));
}
