import { struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, malformed } from './list.js';

export const MINIDUMP_TOKEN_INFO_LIST = struct('MINIDUMP_TOKEN_INFO_LIST', {
  /** Of the whole stream */
  TokenListSize: u32,
  TokenListEntries: u32,
  ListHeaderSize: u32,
  /** 72 in the one file that was seen, though the header declares 16 bytes: what else is there is not documented */
  ElementHeaderSize: u32,
});

/** The token of the process or of a thread that impersonates; its data, TokenSize bytes in all, is not documented. */
export const MINIDUMP_TOKEN_INFO_HEADER = struct('MINIDUMP_TOKEN_INFO_HEADER', {
  TokenSize: u32,
  /** Process or thread id */
  TokenId: u32,
  TokenHandle: u64,
});

export type TokenInfo = ValueOf<typeof MINIDUMP_TOKEN_INFO_HEADER> & {
  /** What follows the fields above. */
  data: Uint8Array;
};

export function decodeTokens(bytes: Uint8Array, littleEndian = true): TokenInfo[] {
  checkLength('Token', bytes, MINIDUMP_TOKEN_INFO_LIST.size);
  const head = MINIDUMP_TOKEN_INFO_LIST.decode(bytes, 0, littleEndian);
  const tokens: TokenInfo[] = [];
  let at = head.ListHeaderSize;
  for (let i = 0; i < head.TokenListEntries; i++) {
    if (at + MINIDUMP_TOKEN_INFO_HEADER.size > bytes.length) {
      throw malformed('Token', `${head.TokenListEntries} tokens`, `an end after ${i}`);
    }
    const token = MINIDUMP_TOKEN_INFO_HEADER.decode(bytes, at, littleEndian);
    const end = at + token.TokenSize;
    if (token.TokenSize < MINIDUMP_TOKEN_INFO_HEADER.size || end > bytes.length) {
      throw malformed('Token', 'a token that lies inside the stream', `${token.TokenSize} bytes at ${at}`);
    }
    tokens.push({ ...token, data: bytes.slice(at + MINIDUMP_TOKEN_INFO_HEADER.size, end) });
    at = end;
  }
  return tokens;
}

/** Elements have the head that the header declares, 16 bytes; `data` follows it. */
export function encodeTokens(
  tokens: readonly { TokenId: number; TokenHandle: bigint; data: Uint8Array }[],
): Uint8Array {
  const head = MINIDUMP_TOKEN_INFO_HEADER.size;
  const sizes = tokens.map(({ data }) => head + data.length);
  const total = sizes.reduce((sum, size) => sum + size, MINIDUMP_TOKEN_INFO_LIST.size);
  const bytes = new Uint8Array(total);
  bytes.set(
    MINIDUMP_TOKEN_INFO_LIST.encode({
      TokenListSize: total,
      TokenListEntries: tokens.length,
      ListHeaderSize: MINIDUMP_TOKEN_INFO_LIST.size,
      ElementHeaderSize: head,
    }),
  );
  let at = MINIDUMP_TOKEN_INFO_LIST.size;
  tokens.forEach(({ TokenId, TokenHandle, data }, i) => {
    bytes.set(MINIDUMP_TOKEN_INFO_HEADER.encode({ TokenSize: sizes[i], TokenId, TokenHandle }), at);
    bytes.set(data, at + head);
    at += sizes[i]!;
  });
  return bytes;
}
