import { StreamType } from '../format/index.js';
import type { UserStream } from './options.js';

/** The stream of a comment: CommentStreamA for plain ASCII, which every reader shows, else the UTF-16 one. */
export function commentStream(text: string): UserStream {
  if (/^[\x20-\x7e\s]*$/.test(text)) {
    return { type: StreamType.CommentStreamA, bytes: new TextEncoder().encode(`${text}\0`) };
  }
  const bytes = new Uint8Array((text.length + 1) * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true);
  return { type: StreamType.CommentStreamW, bytes };
}
