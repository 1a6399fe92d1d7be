import type { Task } from '../../io/index.js';
import { ByteReader } from '../bytes.js';
import { PeFunctions } from './functions.js';
import { directoryOf, mayRun, type PeImage, readText } from './image.js';

const EXPORT_DIRECTORY_SIZE = 40;
/** Ordinals have 16 bits. */
const MAX_FUNCTIONS = 1 << 16;
const MAX_NAMES = 1 << 18;

/**
 * The functions that an image exports by name; undefined where it exports nothing. Forwarders (`NTDLL.RtlAllocateHeap`) are texts, and
 * what is in a section without code is data.
 */
export function* readExports(image: PeImage): Task<PeFunctions | undefined> {
  const { headers } = image;
  const directory = directoryOf(headers, 'export');
  const head = directory && (yield* image.read(directory.address, EXPORT_DIRECTORY_SIZE));
  if (directory === undefined || head === undefined) return undefined;
  const reader = new ByteReader(head, 'export directory', 20);
  const [functions, names] = [reader.u32(), reader.u32()];
  const [functionTable, nameTable, ordinalTable] = [reader.u32(), reader.u32(), reader.u32()];
  if (functions > MAX_FUNCTIONS || names > MAX_NAMES) return undefined;
  const addresses = yield* image.read(functionTable, functions * 4);
  const nameAddresses = yield* image.read(nameTable, names * 4);
  const ordinals = yield* image.read(ordinalTable, names * 2);
  if (addresses === undefined || nameAddresses === undefined || ordinals === undefined) return undefined;

  const word = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [addressOf, nameOf, ordinalOf] = [word(addresses), word(nameAddresses), word(ordinals)];
  const found = {
    starts: new Uint32Array(names),
    names: new Uint32Array(names),
    ranks: new Uint8Array(names),
  };
  let count = 0;
  const end = directory.address + directory.size;
  // Names may be aliases of few functions: each is looked up once.
  const verdicts = new Uint8Array(functions);
  const isFunction = (ordinal: number, start: number): boolean => {
    const forwarded = start >= directory.address && start < end;
    verdicts[ordinal] ||= start !== 0 && !forwarded && mayRun(headers, start) ? 2 : 1;
    return verdicts[ordinal] === 2;
  };
  for (let i = 0; i < names; i++) {
    const ordinal = ordinalOf.getUint16(i * 2, true);
    if (ordinal >= functions) continue;
    const start = addressOf.getUint32(ordinal * 4, true);
    if (!isFunction(ordinal, start)) continue;
    found.starts[count] = start;
    found.names[count] = nameOf.getUint32(i * 4, true);
    count++;
  }
  return new PeFunctions(headers, {
    ...found,
    count,
    textSize: directory.size,
    nameOf: (rva) => readText(image, rva),
  });
}
