import { decodeUtf16, malformed } from '../../format/index.js';
import { MinidumpError } from '../../io/index.js';
import { checkTextLength, utf8 } from '../parts.js';

/** A file of /proc or /etc as it was, and other texts: UTF-8 as far as it is. */
export function decodeText(bytes: Uint8Array): string {
  return utf8(bytes);
}

/** A comment ends at the first NUL. Its code page is not recorded: it is UTF-8 if it can be, else Latin-1. */
export function decodeCommentA(bytes: Uint8Array): string {
  checkTextLength(bytes);
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return Array.from(text, (byte) => String.fromCharCode(byte)).join('');
  }
}

export function decodeCommentW(bytes: Uint8Array, littleEndian: boolean): string {
  checkTextLength(bytes);
  return decodeUtf16(bytes, littleEndian).split('\0', 1)[0]!;
}

/** Texts with a NUL behind each: /proc/PID/cmdline and environ. */
export function decodeStrings(bytes: Uint8Array): string[] {
  const texts = utf8(bytes).split('\0');
  if (texts.at(-1) === '') texts.pop();
  return texts;
}

/** MozSoftErrors: what minidump-writer could not do, a JSON list whose form is its own business. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8(bytes));
  } catch (cause) {
    throw new MinidumpError('malformed', `the stream is no JSON: ${(cause as Error).message}`, { cause });
  }
}

export function decodeNumber(bytes: Uint8Array, littleEndian: boolean): number {
  if (bytes.length < 4) throw malformed('number', '4 bytes', `${bytes.length} bytes`);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, littleEndian);
}
