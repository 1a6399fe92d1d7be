import {
  encodeDirectory,
  MINIDUMP_HEADER,
  MINIDUMP_SIGNATURE,
  MINIDUMP_VERSION,
} from '../../src/format/index.js';

/** Puts a dump together piece by piece; what is added gets its place at once. */
export class DumpBuilder {
  #parts: Uint8Array[] = [];
  #size = MINIDUMP_HEADER.size;
  readonly #streams: { StreamType: number; Location: { Rva: number; DataSize: number } }[] = [];

  /** Adds bytes to the file. */
  add(bytes: Uint8Array): { Rva: number; DataSize: number } {
    const location = { Rva: this.#size, DataSize: bytes.length };
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return location;
  }

  stream(type: number, bytes: Uint8Array): this {
    return this.entry(type, this.add(bytes));
  }

  /** A directory entry that points anywhere. */
  entry(type: number, location: { Rva: number; DataSize: number }): this {
    this.#streams.push({ StreamType: type, Location: location });
    return this;
  }

  build(): Uint8Array {
    const header = MINIDUMP_HEADER.encode({
      Signature: MINIDUMP_SIGNATURE,
      Version: MINIDUMP_VERSION,
      NumberOfStreams: this.#streams.length,
      StreamDirectoryRva: this.#size,
    });
    const parts = [header, ...this.#parts, encodeDirectory(this.#streams)];
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
