/** Only so much of a line is kept: the rest of a longer one is passed over. */
export const MAX_LINE = 64 * 1024;

const NEWLINE = 0x0a;

/** Cuts bytes into lines of UTF-8, which may end in \n or \r\n. */
export class LineReader {
  readonly #onLine: (line: string) => void;
  /** The beginning of a line whose end has not come. */
  #part: Buffer[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** The bytes may change afterwards. */
  add(bytes: Uint8Array): void {
    let from = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, from);
      if (end < 0) break;
      if (this.#length === 0) this.#tell(bytes.subarray(from, Math.min(end, from + MAX_LINE)));
      else {
        this.#keep(bytes.subarray(from, end));
        this.finish();
      }
      from = end + 1;
    }
    this.#keep(bytes.subarray(from));
  }

  /** What came last was a line, though its end did not come. */
  finish(): void {
    if (this.#length > 0) this.#tell(Buffer.concat(this.#part));
    this.drop();
  }

  /** Forgets the line that has begun. */
  drop(): void {
    this.#part = [];
    this.#length = 0;
  }

  #keep(bytes: Uint8Array): void {
    const room = Math.min(MAX_LINE - this.#length, bytes.length);
    if (room <= 0) return;
    this.#part.push(Buffer.from(bytes.subarray(0, room)));
    this.#length += room;
  }

  #tell(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    this.#onLine(text.endsWith('\r') ? text.slice(0, -1) : text);
  }
}
