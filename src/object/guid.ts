import type { ByteReader } from './bytes.js';

export const upperHex = (value: number, digits: number): string =>
  value.toString(16).toUpperCase().padStart(digits, '0');

/** Reads a GUID: 32 upper-case hexadecimal digits, as Breakpad writes it. */
export function readGuid(reader: ByteReader): string {
  const numbers = upperHex(reader.u32(), 8) + upperHex(reader.u16(), 4) + upperHex(reader.u16(), 4);
  return numbers + Array.from(reader.take(8), (byte) => upperHex(byte, 2)).join('');
}
