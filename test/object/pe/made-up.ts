/** PE files made for a test: a section of code, one of data, and directories. */
import { BytesSource, runSync } from '../../../src/io/index.js';
import { PeFile } from '../../../src/object/pe/index.js';

/** RVAs of the two sections. */
export const TEXT = 0x1000;
export const DATA = 0x2000;

export interface MadeUp {
  machine?: number;
  code?: Uint8Array;
  data?: Uint8Array;
  /** By number: RVA and size. */
  directories?: Readonly<Record<number, readonly [address: number, size: number]>>;
  imageSize?: number;
  timeStamp?: number;
}

export const EXCEPTION = 3;
export const DEBUG = 6;
const AMD64 = 0x8664;
const HEADERS = 0x200;

export function madeUpPe({
  machine = AMD64,
  code = new Uint8Array(16),
  data = new Uint8Array(16),
  directories = {},
  imageSize = DATA + data.length,
  timeStamp = 0,
}: MadeUp): Buffer {
  const dataAt = HEADERS + ((code.length + 0x1ff) & ~0x1ff);
  const bytes = Buffer.alloc(dataAt + data.length);
  bytes.write('MZ');
  bytes.writeUInt32LE(0x40, 0x3c);
  bytes.write('PE', 0x40);
  bytes.writeUInt16LE(machine, 0x44);
  bytes.writeUInt16LE(2, 0x46);
  bytes.writeUInt32LE(timeStamp, 0x48);
  bytes.writeUInt16LE(240, 0x54);
  const optional = 0x58;
  bytes.writeUInt16LE(0x20b, optional);
  bytes.writeUInt32LE(0x1000, optional + 32);
  bytes.writeUInt32LE(0x200, optional + 36);
  bytes.writeUInt32LE(imageSize, optional + 56);
  bytes.writeUInt32LE(HEADERS, optional + 60);
  bytes.writeUInt32LE(16, optional + 108);
  for (const [number, [address, size]] of Object.entries(directories)) {
    bytes.writeUInt32LE(address, optional + 112 + Number(number) * 8);
    bytes.writeUInt32LE(size, optional + 116 + Number(number) * 8);
  }
  const sections = [
    { name: '.text', address: TEXT, content: code, at: HEADERS, flags: 0x60000020 },
    { name: '.rdata', address: DATA, content: data, at: dataAt, flags: 0x40000040 },
  ];
  for (const [i, { name, address, content, at, flags }] of sections.entries()) {
    const header = optional + 240 + i * 40;
    bytes.write(name, header);
    for (const [field, value] of [content.length, address, content.length, at].entries())
      bytes.writeUInt32LE(value, header + 8 + field * 4);
    bytes.writeUInt32LE(flags, header + 36);
    bytes.set(content, at);
  }
  return bytes;
}

export const openMadeUp = (file: MadeUp): PeFile => runSync(PeFile.open(new BytesSource(madeUpPe(file))));

/** 32-bit words. */
export const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
  return bytes;
};
