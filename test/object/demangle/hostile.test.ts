import { describe, expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { cppNames, rustNames } from './names.js';

const MAX_TEXT = 64 * 1024;

/** `S_`, `S0_`, `S1_` … */
const substitution = (index: number) => (index === 0 ? 'S_' : `S${(index - 1).toString(36).toUpperCase()}_`);

const base62 = (value: number): string => {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  let text = '';
  for (let rest = value - 1; rest > 0; rest = Math.floor(rest / 62)) text = digits[rest % 62] + text;
  return `${value === 0 ? '' : text || '0'}_`;
};

/** Each type is a template of the one before, twice: 2 to the power of `levels`. */
function cppBomb(levels: number): string {
  let name = '_Z1f1A1BIS_S_E';
  for (let level = 0; level < levels; level++) {
    const last = substitution(level + 2);
    name += `S0_I${last}${last}E`;
  }
  return name;
}

function rustBomb(levels: number): string {
  let text = 'INvC1a1b';
  let last = text.length;
  text += 'TuuE';
  for (let level = 0; level < levels; level++) {
    const here = text.length;
    text += `TB${base62(last)}B${base62(last)}E`;
    last = here;
  }
  return `_R${text}E`;
}

describe('hostile names', () => {
  it('writes what doubles a few times, and gives up what doubles often', () => {
    expect(demangle(cppBomb(3))).toMatch(/^f\(A, B<A, A>, B<B<A, A>, B<A, A>>, /);
    expect(demangle(rustBomb(2))).toBe(
      'a::b::<((), ()), (((), ()), ((), ())), ((((), ()), ((), ())), (((), ()), ((), ())))>',
    );
    for (const bomb of [cppBomb(60), rustBomb(60)]) expect(demangle(bomb)).toBe(bomb);
  });

  it.each(
    Object.entries({
      pointers: `_Z1f${'P'.repeat(60_000)}i`,
      templates: `_Z1f${'1AI'.repeat(20_000)}`,
      'template templates': `_Z1f${'1AI'.repeat(9_000)}i${'E'.repeat(9_000)}`,
      nested: `_Z${'N'.repeat(60_000)}`,
      local: `_Z${'Z'.repeat(60_000)}`,
      scopes: `_ZN${'1A'.repeat(30_000)}E`,
      negations: `_Z1fIX${'ng'.repeat(30_000)}Li1EEEvv`,
      lambdas: `_Z1f${'Ul'.repeat(30_000)}`,
      packs: `_Z1fI${'J'.repeat(30_000)}`,
      conversions: `_ZN1A${'cv'.repeat(20_000)}iEv`,
      parameters: `_Z1f${'i'.repeat(60_000)}`,
      clones: `_Z1f${'.a'.repeat(30_000)}`,
      'itself in a forward reference': '_ZN1AcvT_IS0_EEv',
      'Rust paths': `_R${'NvC1a'.repeat(10_000)}`,
      'Rust tuples': `_RINvC1a1b${'T'.repeat(50_000)}`,
      'Rust, itself': '_RINvC1a1bB7_E',
      'Rust lifetimes': '_RINvC1a1bFGzzzz_uEuE',
      'Rust punycode': `_RNvC1au9999_${'9'.repeat(9_999)}`,
      'no end': 'x'.repeat(200_000),
    }),
  )('gives up: %s', (_, name) => {
    expect(demangle(name)).toBe(name);
  });

  it('reads damaged names without harm', () => {
    const names = [...Object.keys(cppNames), ...Object.keys(rustNames)];
    const alphabet = 'SITNEZLXDJPRKOFMACUvQ_0123456789sdcpltrgfnBGhkx.$';
    let seed = 20240611;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    let read = 0;
    for (let round = 0; round < 20_000; round++) {
      let name = names[random(names.length)]!;
      for (let changes = 1 + random(3); changes > 0; changes--) {
        const at = 2 + random(name.length);
        const other = names[random(names.length)]!;
        const from = random(other.length);
        const put =
          random(2) === 0 ? alphabet[random(alphabet.length)]! : other.slice(from, from + random(9));
        name = name.slice(0, at) + put + name.slice(at + random(3));
      }
      const readable = demangle(name);
      expect(readable.length).toBeLessThanOrEqual(Math.max(MAX_TEXT, name.length));
      if (readable !== name) read++;
    }
    // Damage is not always seen: a letter of an identifier is as good as another.
    expect(read).toBeGreaterThan(1000);
  });
});
