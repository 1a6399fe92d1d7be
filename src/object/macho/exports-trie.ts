import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { NumberList } from '../number-list.js';
import type { MachFile } from './mach-file.js';

/** Flags of an export: its kind, and that another library has it. */
const KIND_MASK = 0x03;
const KIND_REGULAR = 0;
const REEXPORT = 0x08;

/** Names share their beginnings in a trie: it holds some ten times its size of them, and what claims more than this is made up. */
const MAX_RATIO = 256;
const NO_NODE = -1;

/** What a library exports, by the trie of its dynamic linker's information. */
export interface ExportedNames {
  /** RVAs, in the order of the trie. */
  readonly addresses: NumberList;
  /** The name of one of these, as it is stored. */
  name(index: number): string;
}

/** Undefined where the file has no trie. Throws `malformed` where it is broken. */
export function* readExports(file: MachFile): Task<ExportedNames | undefined> {
  const place = file.commands.exportsTrie;
  if (place === undefined || place.size === 0) return undefined;
  const data = file.range('exports trie', place);
  return walkExports(yield* data.read(0, data.size));
}

/**
 * A node is the size of what it exports and that, then how many children it has, and of each the letters that lead to it and its offset.
 */
export function walkExports(bytes: Uint8Array): ExportedNames {
  // Of each node that was seen: its parent, and where the letters that led to it are.
  const parents = new NumberList();
  const labels = new NumberList();
  const addresses = new NumberList();
  const nodes = new NumberList();
  const seen = new Uint8Array(bytes.length);
  const open: { offset: number; node: number; length: number }[] = [{ offset: 0, node: NO_NODE, length: 0 }];
  let letters = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { offset, node, length } = next;
    const reader = new ByteReader(bytes, 'exports trie', offset);
    if (seen[offset]) throw reader.broken('a node that has one way to it');
    seen[offset] = 1;
    const size = reader.uleb();
    const children = reader.position + size;
    if (size > 0 && size <= reader.left) {
      const flags = reader.uleb();
      if ((flags & KIND_MASK) === KIND_REGULAR && !(flags & REEXPORT)) {
        addresses.push(reader.uleb());
        nodes.push(node);
        letters += length;
        if (letters > MAX_RATIO * bytes.length)
          throw broken('exports trie', `names that fit into ${bytes.length} bytes`, `${letters} letters`);
      }
    }
    if (!(children <= bytes.length)) throw reader.broken('children');
    reader.position = children;
    for (let count = reader.u8(); count > 0; count--) {
      const label = reader.position;
      reader.skipString();
      const added = reader.position - 1 - label;
      const child = reader.uleb();
      if (child >= bytes.length) throw reader.broken('a child inside the trie');
      open.push({ offset: child, node: parents.length, length: length + added });
      parents.push(node);
      labels.push(label);
    }
  }
  return {
    addresses,
    name(index) {
      const parts: string[] = [];
      for (let node = nodes.at(index); node !== NO_NODE; node = parents.at(node))
        parts.push(new ByteReader(bytes, 'exports trie', labels.at(node)).string());
      return parts.reverse().join('');
    },
  };
}
