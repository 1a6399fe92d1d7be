const HEADER = 32;
const SEGMENT = 72;
const SECTION = 80;

export interface MadeUpSection {
  readonly segment: string;
  readonly name: string;
  readonly address?: number;
  readonly bytes: Uint8Array;
  readonly isCode?: boolean;
}

/** A 64-bit Mach-O file of x86-64 that is linked to 0x100000000, with these sections and nothing else. */
export function machWith(sections: readonly MadeUpSection[]): Uint8Array {
  const segments = [...new Set(['__TEXT', ...sections.map(({ segment }) => segment)])];
  const commandsSize = segments.length * SEGMENT + sections.length * SECTION;
  const start = HEADER + commandsSize;
  const file = new Uint8Array(sections.reduce((sum, { bytes }) => sum + bytes.length, start));
  const view = new DataView(file.buffer);
  [0xfeedfacf, 0x0100_0007, 3, 2, segments.length, commandsSize, 0, 0].forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  const text = (at: number, value: string) => file.set(new TextEncoder().encode(value), at);
  let at = HEADER;
  let place = start;
  for (const segment of segments) {
    const own = sections.filter((one) => one.segment === segment);
    view.setUint32(at, 0x19, true);
    view.setUint32(at + 4, SEGMENT + own.length * SECTION, true);
    text(at + 8, segment);
    view.setBigUint64(at + 24, segment === '__TEXT' ? 0x1_0000_0000n : 0x2_0000_0000n, true);
    view.setBigUint64(at + 32, 0x1000_0000n, true);
    view.setUint32(at + 64, own.length, true);
    at += SEGMENT;
    for (const { name, address = 0, bytes, isCode } of own) {
      text(at, name);
      text(at + 16, segment);
      view.setBigUint64(at + 32, BigInt(address), true);
      view.setBigUint64(at + 40, BigInt(bytes.length), true);
      view.setUint32(at + 48, place, true);
      view.setUint32(at + 64, isCode ? 0x8000_0400 : 0, true);
      file.set(bytes, place);
      place += bytes.length;
      at += SECTION;
    }
  }
  return file;
}
