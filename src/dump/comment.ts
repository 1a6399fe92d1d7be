import { encodeString, MINIDUMP_STRING, StreamType } from '../format/index.js';
import type { UserStream } from './options.js';

/** The stream of a comment: CommentStreamA for plain ASCII, which every reader shows, else the UTF-16 one. */
export function commentStream(text: string): UserStream {
  if (/^[\x20-\x7e\s]*$/.test(text)) {
    return { type: StreamType.CommentStreamA, bytes: new TextEncoder().encode(`${text}\0`) };
  }
  // The stream has no Length before its text.
  return { type: StreamType.CommentStreamW, bytes: encodeString(text).slice(MINIDUMP_STRING.size) };
}
