const HEADER = 64;
const SECTION_HEADER = 64;

/** A 64-bit ELF file of x86-64 with these sections, and nothing else. */
export function elfWith(sections: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const named = [...Object.entries(sections), ['.shstrtab', new Uint8Array()] as const];
  const names = named.map(([name]) => `${name}\0`).join('');
  const contents = named.map(([name, bytes]) =>
    name === '.shstrtab' ? new TextEncoder().encode(`\0${names}`) : bytes,
  );
  const size = contents.reduce((sum, { length }) => sum + length, HEADER);
  const table = Math.ceil(size / 8) * 8;
  const file = new Uint8Array(table + (named.length + 1) * SECTION_HEADER);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true); // ET_DYN
  view.setUint16(18, 62, true); // EM_X86_64
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(58, SECTION_HEADER, true);
  view.setUint16(60, named.length + 1, true);
  view.setUint16(62, named.length, true);
  let at = HEADER;
  let name = 1;
  contents.forEach((bytes, i) => {
    file.set(bytes, at);
    const header = table + (i + 1) * SECTION_HEADER;
    view.setUint32(header, name, true);
    view.setUint32(header + 4, 1, true); // SHT_PROGBITS
    view.setBigUint64(header + 24, BigInt(at), true);
    view.setBigUint64(header + 32, BigInt(bytes.length), true);
    at += bytes.length;
    name += named[i]![0].length + 1;
  });
  return file;
}

/** Bytes, and little-endian numbers of 4 bytes that are marked as such. */
export const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
export const u64 = (value: number): number[] => [
  ...u32(value % 2 ** 32),
  ...u32(Math.floor(value / 2 ** 32)),
];

/** A unit of DWARF 4 with addresses of 8 bytes, from its DIEs. */
export function unit(dies: readonly number[], abbreviations = 0): number[] {
  return [...u32(dies.length + 7), 4, 0, ...u32(abbreviations), 8, ...dies];
}
