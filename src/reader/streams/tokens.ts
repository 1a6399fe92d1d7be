import { decodeTokens, type TokenInfo } from '../../format/index.js';

export interface Token extends TokenInfo {
  /** The lines of `data` where it is text, as in dumps that mdmp has written of Linux processes (docs/linux-facts.md). */
  lines: string[] | undefined;
}

export function decodeTokenTexts(bytes: Uint8Array, littleEndian = true): Token[] {
  return decodeTokens(bytes, littleEndian).map((token) => ({ ...token, lines: linesOf(token.data) }));
}

/** Undefined for what is no UTF-8, and for control characters that text does not have. */
function linesOf(data: Uint8Array): string[] | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    if (data.length === 0 || /[^\P{Cc}\t\n]/u.test(text)) return undefined;
    return text.replace(/\n$/, '').split('\n');
  } catch {
    return undefined;
  }
}
