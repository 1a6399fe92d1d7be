import { struct, u32 } from '../layout.js';

/** The head of a string in the file: `Length` bytes of UTF-16 follow, then a NUL that is not counted. */
export const MINIDUMP_STRING = struct('MINIDUMP_STRING', {
  /** Bytes, without the NUL. */
  Length: u32,
});

/** The bytes of a MINIDUMP_STRING, with the NUL at its end. */
export function encodeString(text: string): Uint8Array {
  const bytes = new Uint8Array(4 + text.length * 2 + 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length * 2, true);
  for (let i = 0; i < text.length; i++) view.setUint16(4 + i * 2, text.charCodeAt(i), true);
  return bytes;
}

/** UTF-16 of a dump as text. Lone surrogates stay as they are, so that it can be written again unchanged. */
export function decodeUtf16(bytes: Uint8Array, littleEndian = true): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const units = new Uint16Array(bytes.length >> 1);
  for (let i = 0; i < units.length; i++) units[i] = view.getUint16(i * 2, littleEndian);
  let text = '';
  // fromCharCode takes its units as arguments, and there is a limit to their number.
  for (let i = 0; i < units.length; i += 8192) text += String.fromCharCode(...units.subarray(i, i + 8192));
  return text;
}
