import { MinidumpError } from '../../io/index.js';
import {
  checksumOf,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  SECTIONS,
  type SectionName,
  VERSION,
} from './index-layout.js';
import { HEAD_TEXTS, HIGH, type SymTables } from './tables.js';

const MAX_SIZE = 0xffff_ffff;

/** The index of a .sym file, as it is stored and looked up: index-layout.ts. */
export function writeSymIndex(tables: SymTables): Uint8Array {
  const parts: Record<SectionName, Uint8Array | Uint32Array> = {
    strings: tables.strings.list.used,
    functions: tables.functions.used,
    lineBlocks: tables.lines.directory.used,
    lineRows: tables.lines.packed.used,
    inlineBlocks: tables.inlines.directory.used,
    inlineRows: tables.inlines.packed.used,
    publics: tables.publics.used,
    files: tables.files.used,
    origins: tables.origins.used,
    cfi: tables.cfi.used,
    cfiDeltas: tables.cfiDeltas.used,
    frameData: tables.frameData.used,
    fpo: tables.fpo.used,
  };
  let size = HEADER_SIZE;
  const offsets = SECTIONS.map((name) => {
    // Numbers at multiples of 4, so that they can be copied as such.
    const offset = Math.ceil(size / 4) * 4;
    size = offset + parts[name].byteLength;
    if (size > MAX_SIZE) throw new MinidumpError('unsupported', 'symbol file: its index would pass 4 GiB');
    return offset;
  });

  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(HEADER.version, VERSION, true);
  view.setUint32(HEADER.size, size, true);
  view.setUint32(HEADER.sourceSizeLow, tables.sourceSize % HIGH, true);
  view.setUint32(HEADER.sourceSizeHigh, Math.floor(tables.sourceSize / HIGH), true);
  view.setUint32(HEADER.brokenLines, Math.min(tables.brokenLines, MAX_SIZE), true);
  view.setUint32(HEADER.brokenInlines, Math.min(tables.brokenInlines, MAX_SIZE), true);
  HEAD_TEXTS.forEach((name, i) => {
    view.setUint32(HEADER.texts + i * 4, tables.head[name], true);
  });
  SECTIONS.forEach((name, i) => {
    const part = parts[name];
    const offset = offsets[i]!;
    view.setUint32(HEADER.sections + i * 8, offset, true);
    view.setUint32(HEADER.sections + i * 8 + 4, part.byteLength, true);
    if (part instanceof Uint8Array) bytes.set(part, offset);
    else copyNumbers(view, offset, part);
  });
  view.setUint32(HEADER.checksum, checksumOf(bytes), true);
  return bytes;
}

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function copyNumbers(view: DataView, offset: number, numbers: Uint32Array): void {
  if (littleEndian) new Uint32Array(view.buffer, offset, numbers.length).set(numbers);
  else numbers.forEach((number, i) => void view.setUint32(offset + i * 4, number, true));
}
