import { MinidumpError, readRange, type Source, type Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { SectionData } from '../section-data.js';
import { BlocksSource } from './blocks-source.js';

const MAGIC = 'Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0';
const OLD_MAGIC = 'Microsoft C/C++ program database 2.00\r\n\x1aJG';
const SUPER_BLOCK_SIZE = 52;
const SMALLEST_BLOCK = 512;
/** Block sizes above 4096 come with /PDBPAGESIZE, for files that would not fit into 4 GiB otherwise. */
const LARGEST_BLOCK = 32768;
/** Of a stream that was deleted. */
const NO_SIZE = 0xffff_ffff;
/** Numbers of streams have 16 bits wherever they are named. */
const MAX_STREAMS = 0x10000;

/** Whether a file is a PDB by its first bytes (32 are enough), also one of the old kind, which `MsfFile.open` refuses. */
export function isPdb(bytes: Uint8Array): boolean {
  return startsWith(bytes, MAGIC) || startsWith(bytes, OLD_MAGIC.slice(0, Math.min(32, bytes.length)));
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < 32) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic.charCodeAt(i)) return false;
  return true;
}

/**
 * Multi-stream file (MSF 7.0), the container of a PDB: a file of blocks, whose directory tells of which of them each stream consists.
 * Of the directory only the sizes are kept: the blocks of a stream are looked up when it is opened.
 *
 * @see https://llvm.org/docs/PDB/MsfFile.html
 */
export class MsfFile {
  readonly blockSize: number;
  readonly #source: Source;
  readonly #directory: SectionData;
  /** Bytes of each stream. */
  readonly #sizes: Uint32Array;
  /** Where the blocks of each begin in the directory. */
  readonly #places: Float64Array;

  private constructor(source: Source, blockSize: number, directory: SectionData, sizes: Uint32Array) {
    this.#source = source;
    this.blockSize = blockSize;
    this.#directory = directory;
    this.#sizes = sizes;
    this.#places = new Float64Array(sizes.length);
    let at = 4 + sizes.length * 4;
    sizes.forEach((size, i) => {
      this.#places[i] = at;
      if (size !== NO_SIZE) at += Math.ceil(size / blockSize) * 4;
    });
  }

  /** @throws `malformed` if it is none, `unsupported` if it is of the format before Visual C++ 7 */
  static *open(source: Source): Task<MsfFile> {
    const head = yield* readRange(source, 0, Math.min(LARGEST_BLOCK, source.size), 'PDB');
    if (!startsWith(head, MAGIC)) {
      if (isPdb(head)) {
        throw new MinidumpError(
          'unsupported',
          'this PDB is of format 2.00, that of Visual C++ 6 and before; mdmp reads 7.00',
        );
      }
      throw broken('PDB', 'a file that begins with "Microsoft C/C++ MSF 7.00"', 'another beginning');
    }
    const reader = new ByteReader(head, 'PDB super block', 32);
    const blockSize = reader.u32();
    reader.skip(4); // The map of free blocks: of interest to those who write.
    const blockCount = reader.u32();
    const directorySize = reader.u32();
    if (blockSize < SMALLEST_BLOCK || blockSize > LARGEST_BLOCK || (blockSize & (blockSize - 1)) !== 0)
      throw broken('PDB', 'blocks of 512 to 32768 bytes', `${blockSize}`);
    // The last block may be cut short.
    if (blockCount > Math.ceil(source.size / blockSize) || directorySize > source.size)
      throw broken('PDB', `${blockCount} blocks of ${blockSize} bytes`, `a file of ${source.size}`);

    // Two steps: the super block names the blocks of a list (one, in all but the largest files), and that names those of the directory.
    const directoryBlocks = Math.ceil(directorySize / blockSize);
    const listBlocks = Math.ceil((directoryBlocks * 4) / blockSize);
    if (listBlocks > (blockSize - SUPER_BLOCK_SIZE) / 4)
      throw broken('PDB', 'a directory whose list the first block names', `${directorySize} bytes`);
    reader.position = SUPER_BLOCK_SIZE;
    const list = new BlocksSource(source, blockSize, directoryBlocks * 4, words(reader.take(listBlocks * 4)));
    const blocks = words(yield* readRange(list, 0, list.size, 'PDB directory'));
    const directory = new BlocksSource(source, blockSize, directorySize, blocks);
    const data = new SectionData('PDB directory', directory, 0, directorySize);
    const count = new ByteReader(yield* data.read(0, 4), 'PDB directory').u32();
    if (count > MAX_STREAMS) throw broken('PDB directory', `at most ${MAX_STREAMS} streams`, `${count}`);
    return new MsfFile(source, blockSize, data, words(yield* data.read(4, count * 4)));
  }

  get streamCount(): number {
    return this.#sizes.length;
  }

  /**
   * The bytes of a stream; undefined where there is none of this number.
   *
   * @throws `malformed` if it is larger than the file, or its blocks are outside of it
   */
  *stream(number: number, name = `PDB stream ${number}`): Task<SectionData | undefined> {
    const size = this.#sizes[number];
    if (size === undefined || size === NO_SIZE) return undefined;
    if (size > this.#source.size)
      throw broken(name, `at most the ${this.#source.size} bytes of the file`, `${size}`);
    const count = Math.ceil(size / this.blockSize);
    const bytes = yield* this.#directory.read(this.#places[number]!, count * 4);
    return new SectionData(name, new BlocksSource(this.#source, this.blockSize, size, words(bytes)), 0, size);
  }
}

/** 32-bit numbers, as a copy: bytes that were read may be anywhere in larger ones. */
function words(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >>> 2 }, (_, i) => view.getUint32(i * 4, true));
}
