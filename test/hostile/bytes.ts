import { pick, type Random } from './kind.js';

/** Numbers that counts, sizes and offsets go wrong with, in a file of some size. */
export function nasty(random: Random, size: number): number {
  const numbers = [
    0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
  ];
  return pick(
    [...numbers, size - 4, size - 1, size, size + 1, random(size), random(size), random(256)],
    random,
  );
}

/** Changes one place of a binary file in one of the ways in which its numbers go wrong. */
export function damage(bytes: Uint8Array, at: number, random: Random, size = bytes.length): void {
  if (at < 0 || at + 16 > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (random(9)) {
    case 0:
    case 1:
      bytes[at] = random(256);
      break;
    case 2:
      bytes[at]! ^= 1 << random(8);
      break;
    case 3:
      view.setUint16(at, nasty(random, size) & 0xffff, true);
      break;
    case 4:
      view.setUint32(at, nasty(random, size), true);
      break;
    case 5:
      view.setBigUint64(at, BigInt(nasty(random, size)) << BigInt(random(33)), true);
      break;
    case 6:
      // A LEB128 number that goes on, or is very large.
      bytes.fill(
        pick([0x80, 0xff, 0x81], random),
        at,
        Math.min(at + 1 + random(random(8) === 0 ? 200 : 24), bytes.length),
      );
      break;
    case 7: {
      const from = random(bytes.length);
      bytes.copyWithin(at, from, from + random(64));
      break;
    }
    default:
      bytes.fill(pick([0, 0xff, random(256)], random), at, at + 1 + random(16));
  }
}
