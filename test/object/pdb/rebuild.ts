import { readFileSync } from 'node:fs';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { MsfFile } from '../../../src/object/pdb/msf.js';

/** All streams of a PDB; undefined for those that there are not. */
export function streamsOf(path: string): (Uint8Array | undefined)[] {
  const msf = runSync(MsfFile.open(new BytesSource(readFileSync(path))));
  return Array.from({ length: msf.streamCount }, (_, number) => {
    const data = runSync(msf.stream(number));
    return data && runSync(data.read(0, data.size)).slice();
  });
}

/** A file of these streams. Blocks are given out from the end of the file to its beginning: none follows the one before it. */
export function msfOf(streams: readonly (Uint8Array | undefined)[], blockSize: number): Uint8Array {
  const blocksOf = (size: number) => Math.ceil(size / blockSize);
  const sizes = streams.map((bytes) => bytes?.length ?? 0);
  const used = sizes.reduce((sum, size) => sum + blocksOf(size), 0);
  const directorySize = 4 + streams.length * 4 + used * 4;
  const listSize = blocksOf(directorySize) * 4;
  const total = 3 + used + blocksOf(directorySize) + blocksOf(listSize);
  const file = new Uint8Array(total * blockSize);
  let next = total;
  const put = (bytes: Uint8Array) =>
    Array.from({ length: blocksOf(bytes.length) }, (_, i) => {
      file.set(bytes.subarray(i * blockSize, (i + 1) * blockSize), --next * blockSize);
      return next;
    });
  const words = (numbers: readonly number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);
  const blocks = streams.flatMap((bytes) => (bytes ? put(bytes) : []));
  const stated = streams.map((bytes) => bytes?.length ?? 0xffff_ffff);
  const list = put(words([streams.length, ...stated, ...blocks]));
  const listBlocks = put(words(list));
  file.set(Buffer.from('Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0', 'latin1'));
  file.set(words([blockSize, 1, total, directorySize, 0, ...listBlocks]), 32);
  return file;
}
