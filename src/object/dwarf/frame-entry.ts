import { type ByteReader, broken } from '../bytes.js';

/** DW_EH_PE_*: how a pointer is written in .eh_frame (LSB 5.0, 10.5.1). The low four bits are its form. */
const PE_OMIT = 0xff;
const PE_INDIRECT = 0x80;
const PE_ALIGNED = 0x50;
const PE_PCREL = 0x10;
const PE_TEXTREL = 0x20;
const PE_DATAREL = 0x30;
const PE_FUNCREL = 0x40;

/** "zRPLSB" and a few to spare; a longer augmentation is nobody's. */
const MAX_AUGMENTATION = 32;

/** What encoded pointers are relative to, as addresses. */
export interface PointerBases {
  /** Of the byte at position 0 of the reader. */
  readonly start: number;
  /** DW_EH_PE_datarel: of .eh_frame_hdr, in that section; nobody uses it elsewhere. */
  readonly data?: number | undefined;
  readonly pointerSize: 4 | 8;
}

/** A pointer, with the way it is written; undefined where it says that there is none. Throws `malformed` for encodings that nobody writes. */
export function readEncodedPointer(
  reader: ByteReader,
  encoding: number,
  bases: PointerBases,
): number | undefined {
  if (encoding === PE_OMIT) return undefined;
  if (encoding === PE_ALIGNED) {
    const { start, pointerSize } = bases;
    const address = start + reader.position;
    reader.skip((pointerSize - (address % pointerSize)) % pointerSize);
    return reader.unsigned(pointerSize);
  }
  const at = bases.start + reader.position;
  const value = readForm(reader, encoding & 0x0f, bases.pointerSize);
  let base = 0;
  switch (encoding & 0x70) {
    case 0:
      break;
    case PE_PCREL:
      base = at;
      break;
    case PE_DATAREL:
      if (bases.data === undefined) throw reader.broken('a pointer that is not relative to data');
      base = bases.data;
      break;
    case PE_TEXTREL:
    case PE_FUNCREL:
      throw reader.broken('a pointer relative to itself or to nothing');
    default:
      throw reader.broken('a known pointer encoding');
  }
  if (encoding & PE_INDIRECT) return undefined;
  const limit = bases.pointerSize === 4 ? 2 ** 32 : 2 ** 64;
  const sum = base + value;
  return sum < 0 ? sum + limit : sum >= limit ? sum - limit : sum;
}

function readForm(reader: ByteReader, form: number, pointerSize: 4 | 8): number {
  switch (form) {
    case 0x00: // DW_EH_PE_absptr
      // As signed where it is relative: the sum wraps, and a rounded 2^64 - 8 would not.
      return pointerSize === 8 ? reader.i64() : reader.i32();
    case 0x01:
      return reader.uleb();
    case 0x02:
      return reader.u16();
    case 0x03:
      return reader.u32();
    case 0x04:
      return reader.u64();
    case 0x09:
      return reader.sleb();
    case 0x0a:
      return reader.i16();
    case 0x0b:
      return reader.i32();
    case 0x0c:
      return reader.i64();
    default:
      throw reader.broken('a known form of pointers');
  }
}

/** Common Information Entry: what the functions that refer to it share. */
export interface Cie {
  readonly version: number;
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnAddressRegister: number;
  /** DW_EH_PE_* of the addresses in its FDEs. */
  readonly pointerEncoding: number;
  /** Augmentation 'z': FDEs have augmentation data, with a size. */
  readonly hasAugmentationData: boolean;
  /** Augmentation 'S'. */
  readonly signalFrame: boolean;
  readonly instructions: Uint8Array;
}

/** Frame Description Entry: one function. Addresses are those of the file. */
export interface Fde {
  readonly cie: Cie;
  readonly start: number;
  readonly end: number;
  readonly instructions: Uint8Array;
  /** Where these lie: DW_CFA_set_loc may be relative to itself. */
  readonly instructionsAddress: number;
}

/** `reader` stands behind the id of the CIE and ends where the entry does. */
export function parseCie(reader: ByteReader, isEhFrame: boolean, pointerSize: 4 | 8): Cie {
  const version = reader.u8();
  // .eh_frame has 1 (or 3, by some compilers), .debug_frame 1 (DWARF 2), 3 and 4 (4 and 5).
  if (version !== 1 && version !== 3 && version !== 4) throw reader.broken('a CIE of version 1, 3 or 4');
  const from = reader.position;
  const augmentation = reader.string();
  if (reader.position - from > MAX_AUGMENTATION) throw reader.broken('a short augmentation');
  // GCC 2 wrote "eh" and a pointer to its own tables.
  if (augmentation.startsWith('eh')) reader.skip(pointerSize);
  if (version === 4) {
    const addressSize = reader.u8();
    const segmentSize = reader.u8();
    if (addressSize !== pointerSize || segmentSize !== 0)
      throw broken('CIE', `addresses of ${pointerSize} bytes`, `${addressSize}, segments of ${segmentSize}`);
  }
  const codeAlignment = reader.uleb();
  const dataAlignment = reader.sleb();
  const returnAddressRegister = version === 1 ? reader.u8() : reader.uleb();
  let pointerEncoding = 0;
  let signalFrame = false;
  let hasAugmentationData = false;
  for (let i = 0; i < augmentation.length; i++) {
    const letter = augmentation[i];
    if (letter === 'z') {
      hasAugmentationData = true;
      const size = reader.uleb();
      const end = reader.position + size;
      if (size > reader.left) throw reader.broken('augmentation data');
      // What is known of the letters that follow; one that is not known ends it, its data is skipped by the size.
      for (const known of augmentation.slice(i + 1)) {
        if (known === 'R') pointerEncoding = reader.u8();
        else if (known === 'S') signalFrame = true;
        else if (known === 'L') reader.skip(1);
        else if (known === 'P') {
          const encoding = reader.u8();
          readForm(reader, encoding & 0x0f, pointerSize);
        } else if (known !== 'B' && known !== 'G') break; // AArch64: return addresses signed with the B key, memory tagging
      }
      reader.position = end;
      break;
    }
    if (letter === 'S') signalFrame = true;
    else if (augmentation !== 'eh') throw reader.broken('a known augmentation');
  }
  return {
    version,
    codeAlignment,
    dataAlignment,
    returnAddressRegister,
    pointerEncoding: isEhFrame ? pointerEncoding : 0,
    hasAugmentationData,
    signalFrame,
    instructions: reader.take(reader.left),
  };
}

/** `reader` stands behind the pointer to the CIE and ends where the entry does. */
export function parseFde(reader: ByteReader, cie: Cie, bases: PointerBases): Fde {
  const start = readEncodedPointer(reader, cie.pointerEncoding, bases);
  if (start === undefined) throw reader.broken('a start of a function');
  const length = readEncodedPointer(reader, cie.pointerEncoding & 0x0f, bases)!;
  if (cie.hasAugmentationData) reader.skip(reader.uleb());
  const instructionsAddress = bases.start + reader.position;
  return { cie, start, end: start + length, instructions: reader.take(reader.left), instructionsAddress };
}
