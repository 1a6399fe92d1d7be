import type { ReadMemory, TargetUnloadedModule } from '../dump/target.js';
import type { Task } from '../io/index.js';
import type { Mapping } from './maps.js';

/** Memory that has a file only in name: memfd, System V and POSIX shared memory, asynchronous I/O, huge pages. */
const NO_IMAGE = /^\/(memfd:|SYSV[0-9a-f]|dev\/|\[aio\]|anon_hugepage|dmabuf:)/;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

interface Image {
  mappings: Mapping[];
  start: bigint;
  end: bigint;
}

/**
 * Program images whose file has been deleted or replaced while they were in memory: a program that was upgraded as it ran, a
 * plugin that deletes itself, and parts of such that were left over. What looks like an image: it begins with the ELF magic, or
 * some of it is executable. An image that is whole is in the list of modules, too.
 */
export function* findDeletedImages(
  mappings: readonly Mapping[],
  read: ReadMemory,
): Task<TargetUnloadedModule[]> {
  const found: TargetUnloadedModule[] = [];
  for (const image of group(mappings)) {
    if (!(yield* looksLikeImage(image, read))) continue;
    const size = image.end - image.start;
    found.push({
      base: image.start,
      size: Number(size > 0xffff_ffffn ? 0xffff_ffffn : size),
      checkSum: 0,
      timeDateStamp: 0,
      path: image.mappings[0]!.path,
    });
  }
  return found;
}

/** The mappings of one deleted file that follow each other; offset 0 begins anew. Memory without a file may lie between. */
function group(mappings: readonly Mapping[]): Image[] {
  const images: Image[] = [];
  let current: Image | undefined;
  for (const mapping of mappings) {
    if (mapping.inode === 0n) continue;
    if (!mapping.deleted || NO_IMAGE.test(mapping.path)) {
      current = undefined;
      continue;
    }
    const first = current?.mappings[0];
    const sameFile = first?.inode === mapping.inode && first.device === mapping.device;
    if (current !== undefined && sameFile && (mapping.offset > 0n || mapping.start === current.end)) {
      current.mappings.push(mapping);
      current.end = mapping.end;
    } else {
      current = { mappings: [mapping], start: mapping.start, end: mapping.end };
      images.push(current);
    }
  }
  return images;
}

function* looksLikeImage({ mappings, start }: Image, read: ReadMemory): Task<boolean> {
  if (mappings.some(({ executable }) => executable)) return true;
  if (mappings[0]!.offset !== 0n) return false;
  const magic = yield* read(start, ELF_MAGIC.length);
  return magic.length === ELF_MAGIC.length && ELF_MAGIC.every((byte, i) => magic[i] === byte);
}
