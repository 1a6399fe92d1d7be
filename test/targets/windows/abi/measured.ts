/**
 * The layout of a structure as compilers measured it (layouts.json), and a writer that knows nothing else: the judge of the codec.
 */
import type { Abi } from '../../../../src/targets/windows/abi/index.js';
import { type Layouts, type MeasuredField, readLayouts } from '../../../format/layouts-json.js';

interface Measured {
  size: number;
  fields: Record<string, MeasuredField & { gcc_offset?: number; gcc_size?: number }>;
  gcc_size?: number;
}

/** Those that layouts.json has numbers for. On x86 both compilers agree. */
export const measuredAbis: readonly Abi[] = [
  { cpu: 'x64', compiler: 'msvc' },
  { cpu: 'x64', compiler: 'gcc' },
  { cpu: 'x86', compiler: 'msvc' },
  { cpu: 'x86', compiler: 'gcc' },
  { cpu: 'arm64', compiler: 'msvc' },
];
const TARGETS = { x64: 'x86_64', x86: 'i686', arm64: 'aarch64' } as const;

export const abiName = ({ cpu, compiler }: Abi) => `${cpu} ${compiler}`;

let layouts: Layouts | undefined;

export interface Place {
  offset: number;
  size: number;
}

export interface MeasuredLayout {
  size: number;
  fields: Record<string, Place>;
}

export function measured(abi: Abi, structure: string): MeasuredLayout {
  layouts ??= readLayouts();
  const found = layouts[TARGETS[abi.cpu]][structure] as Measured | undefined;
  if (found === undefined) throw new Error(`${structure} was not measured`);
  const gcc = abi.compiler === 'gcc';
  return {
    size: (gcc && found.gcc_size) || found.size,
    fields: Object.fromEntries(
      Object.entries(found.fields).map(([name, field]) => [
        name,
        {
          offset: gcc && field.gcc_offset !== undefined ? field.gcc_offset : field.offset,
          size: (gcc && field.gcc_size) || field.size,
        },
      ]),
    ),
  };
}

export type Values = Record<string, number | bigint | Uint8Array>;

/** Puts values, little-endian, where the compiler has the fields; what is left out stays as it was. */
export function put(abi: Abi, into: Uint8Array, at: number, structure: string, values: Values): void {
  const { fields } = measured(abi, structure);
  for (const [name, value] of Object.entries(values)) {
    const place = fields[name];
    if (place === undefined) throw new Error(`${structure} has no ${name}`);
    let rest = typeof value === 'object' ? 0n : BigInt.asUintN(place.size * 8, BigInt(value));
    for (let i = 0; i < place.size; i++) {
      into[at + place.offset + i] = typeof value === 'object' ? (value[i] ?? 0) : Number(rest & 0xffn);
      rest >>= 8n;
    }
  }
}

const PAGE = 4096;

/** Memory with holes: each block begins on a page of its own, or ends at the end of one, and nothing else is there. */
export class FakeMemory {
  readonly #blocks: { address: bigint; bytes: Uint8Array }[] = [];
  readonly #placed: { bytes: Uint8Array; address: bigint }[] = [];
  #next: bigint;

  /** On x86 addresses have 32 bits. */
  constructor(abi: Abi) {
    this.#next = abi.cpu === 'x86' ? 0xf123_0000n : 0xfedc_ba98_7654_0000n;
  }

  /** Native memory that holds a copy of the bytes. */
  place(bytes: Uint8Array, where: 'start' | 'end' = 'start'): bigint {
    const length = Math.max(1, Math.ceil(bytes.length / PAGE)) * PAGE;
    const block = new Uint8Array(length).fill(0xcc);
    const offset = where === 'start' ? 0 : length - bytes.length;
    block.set(bytes, offset);
    this.#blocks.push({ address: this.#next, bytes: block });
    const address = this.#next + BigInt(offset);
    this.#placed.push({ bytes: bytes.slice(), address });
    this.#next += BigInt(length + PAGE);
    return address;
  }

  /** Where the same bytes are already, or else a new place. */
  readonly addressOf = (bytes: Uint8Array): bigint =>
    this.#placed.find((one) => Buffer.from(one.bytes).equals(bytes))?.address ?? this.place(bytes);

  view(address: bigint, size: number): Uint8Array {
    for (const block of this.#blocks) {
      const offset = Number(address - block.address);
      if (offset >= 0 && offset < block.bytes.length && offset + size <= block.bytes.length && size > 0) {
        return block.bytes.subarray(offset, offset + size);
      }
    }
    throw new Error(`segmentation fault: ${size} bytes at 0x${address.toString(16)}`);
  }
}

export function utf16(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${text}\0`, 'utf16le'));
}

/** Bytes that are all different, for a while. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
}
