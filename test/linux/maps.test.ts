import { expect, it } from 'vitest';
import { parseMaps } from '../../src/linux/maps.js';

it('a line of maps with numbers that no kernel writes is none', () => {
  const line = (start: string, inode: string) => `${start}-7f0000001000 r--p 00000000 08:01 ${inode} /x`;
  expect(parseMaps(line('7f0000000000', '12'))).toMatchObject([{ start: 0x7f00_0000_0000n, inode: 12n }]);
  // BigInt takes the square of their length: 350 million digits threw a RangeError after half a minute.
  expect(parseMaps(line('f'.repeat(17), '12'))).toEqual([]);
  expect(parseMaps(line('7f0000000000', '9'.repeat(21)))).toEqual([]);
});
