/** A file.ptr is one line; paths of Windows have 32,767 characters at most. Bytes. */
export const POINTER_LIMIT = 64 * 1024;

/** What a file.ptr of a symbol store says. */
export interface StorePointer {
  /** Where the file is: a path, or a URL. */
  readonly path?: string;
  /** Why it is not there. */
  readonly message?: string;
}

/** `PATH:\\server\share\app.pdb`, `MSG: not available`, or just a path; anything behind the first line is ignored. */
export function readPointer(bytes: Uint8Array): StorePointer {
  const line = new TextDecoder()
    .decode(bytes)
    .split(/[\r\n\0]/, 1)[0]!
    .trim();
  const [, word = 'PATH', rest = ''] = /^(?:(PATH|MSG):)?\s*(.*)$/i.exec(line) ?? [];
  if (rest === '') return { message: 'it says nothing of where the file is' };
  return word.toUpperCase() === 'MSG' ? { message: `the store says: ${rest}` } : { path: rest };
}
