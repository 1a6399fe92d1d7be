import { BytesSink, BytesSource, runSync } from '../../../src/io/index.js';
import {
  parseSymFile,
  type SymIdentity,
  SymIndex,
  writeSym,
  writeSymIndex,
} from '../../../src/object/breakpad/index.js';
import type { ListsSymbols } from '../../../src/object/symbol-listing.js';

/** The .sym file of what is listed. */
export function symText(identity: SymIdentity, lister: ListsSymbols): string {
  const sink = new BytesSink();
  runSync(writeSym(identity, lister, sink));
  return new TextDecoder().decode(sink.bytes());
}

/** A .sym file as it is looked up. */
export function openSym(sym: string | Uint8Array, options: { pointerSize?: 4 | 8 } = {}): SymIndex {
  return runSync(SymIndex.open(new BytesSource(indexOf(sym)), options));
}

/** The bytes of its index. */
export function indexOf(sym: string | Uint8Array): Uint8Array {
  const bytes = typeof sym === 'string' ? new TextEncoder().encode(sym) : sym;
  return writeSymIndex(runSync(parseSymFile(new BytesSource(bytes))));
}

/** Text with one byte a character, so that what is no UTF-8 can be written. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
