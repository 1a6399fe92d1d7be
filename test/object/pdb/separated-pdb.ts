import { msfOf, streamsOf } from './rebuild.js';

const PROCEDURES = [0x110f, 0x1110, 0x1146, 0x1147];
const S_SEPCODE = 0x1132;

/** Where the record of a procedure is: the stream of its module, and the place in it. */
function recordOf(streams: readonly (Uint8Array | undefined)[], name: string) {
  const text = Buffer.from(`${name}\0`);
  for (const bytes of streams) {
    if (bytes === undefined) continue;
    const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = stream.indexOf(text); at >= 0; at = stream.indexOf(text, at + 1)) {
      const record = at - 39;
      if (record > 0 && PROCEDURES.includes(stream.readUInt16LE(record + 2))) return { stream, record };
    }
  }
  throw new Error(`no procedure ${name}`);
}

/**
 * A PDB, in which a function is code that was separated from another one of its module. What is in its scope stays as it is.
 *
 * @param chain the last is the function, each before it was separated from the next
 */
export function separatedPdb(path: string, ...chain: string[]): Uint8Array {
  const streams = streamsOf(path);
  const all = chain.map((name) => recordOf(streams, name));
  const places = all.map(({ stream, record }) => ({
    offset: stream.readUInt32LE(record + 32),
    section: stream.readUInt16LE(record + 36),
    size: stream.readUInt32LE(record + 16),
  }));
  all.slice(0, -1).forEach(({ stream, record }, i) => {
    if (stream.buffer !== all[0]!.stream.buffer) throw new Error(`${chain} are not of one module`);
    const { offset, section, size } = places[i]!;
    stream.writeUInt16LE(S_SEPCODE, record + 2);
    stream.writeUInt32LE(size, record + 12);
    stream.writeUInt32LE(0, record + 16);
    stream.writeUInt32LE(offset, record + 20);
    stream.writeUInt32LE(places[i + 1]!.offset, record + 24);
    stream.writeUInt16LE(section, record + 28);
    stream.writeUInt16LE(places[i + 1]!.section, record + 30);
  });
  return msfOf(streams, 4096);
}
