import { demangle } from '../../src/object/demangle/index.js';
import { msvcNames } from '../object/demangle/msvc-names.js';
import { cppNames, rustNames } from '../object/demangle/names.js';
import { type Kind, pick, type Random } from './kind.js';

/** Longer ones are not written: see demangle. */
const MAX_TEXT = 64 * 1024;
const ALPHABET = 'SITNEZLXDJPRKOFMACUvQ_0123456789sdcpltrgfnBGhkx.$?@WHY';

/** Damaged mangled names of C++ (both ABIs) and Rust: letters, pieces of others, pieces over and over, numbers that are too large. */
export function names(): Kind {
  const all = [...Object.keys(cppNames), ...Object.keys(rustNames), ...Object.keys(msvcNames)];
  return {
    attempt(random) {
      const name = damagedName(all, random);
      const readable = demangle(name, { complete: random(2) === 0, parameters: random(3) > 0 });
      if (readable.length > Math.max(MAX_TEXT, name.length))
        throw new Error(`${name.slice(0, 200)} became ${readable.length} characters`);
      return name.length;
    },
  };
}

function damagedName(all: readonly string[], random: Random): string {
  let name = pick(all, random);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = 1 + random(name.length);
    const other = pick(all, random);
    const from = random(other.length);
    const piece = other.slice(from, from + random(12));
    const put = [
      () => ALPHABET[random(ALPHABET.length)]!,
      () => piece,
      () => piece.repeat(1 + random(40)),
      () => name.slice(at, at + random(8)).repeat(1 + random(200)),
      () => String(random(0x1_0000_0000)),
      () => `S${random(36).toString(36).toUpperCase()}_`,
      () => `?$A@${name.slice(at)}V${random(10)}@V${random(10)}@@@`,
      () => `P6AX${String(random(10)).repeat(random(60))}@Z`,
      () => `B${random(62).toString(36)}_`,
    ];
    name = name.slice(0, at) + pick(put, random)() + name.slice(at + random(3));
  }
  return name;
}
