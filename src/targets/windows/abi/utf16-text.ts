import { decodeUtf16 } from '../../../format/index.js';
import type { NativeMemory } from './native-memory.js';

/** In bytes: UNICODE_STRING, and so every path of Windows, ends here. */
const MAX_LENGTH = 0xfffe;
const PAGE = 4096;

/**
 * The text at an address, to its NUL. It is read page by page: what follows the NUL on its page can be read as well, what
 * follows on the next page perhaps not.
 */
export function readUtf16(memory: NativeMemory, address: bigint): string {
  const text: number[] = [];
  let at = address;
  while (at !== 0n && text.length < MAX_LENGTH) {
    const page = memory.view(at, PAGE - Number(at % BigInt(PAGE)));
    for (const byte of page) {
      const length = text.push(byte);
      if (length % 2 === 0 && byte === 0 && text[length - 2] === 0) {
        return decodeUtf16(Uint8Array.from(text.slice(0, -2)));
      }
      if (length === MAX_LENGTH) break;
    }
    at += BigInt(page.length);
  }
  return decodeUtf16(Uint8Array.from(text));
}
