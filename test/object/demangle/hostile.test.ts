import { describe, expect, it } from 'vitest';
import { demangle } from '../../../src/object/demangle/index.js';
import { damagedNames } from './damaged-names.js';
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

  it('survives any code over and over', () => {
    const codes =
      'P R O K V r C G F Do DOLb1E Dw Dx A3_ A_ M Dv4_ Dp DT Dt Dk DB U3foo U10objcproto1A u3foo T_ TL0__ Ts S_ St Sa Ss ' +
      'I J X L L_Z LA5_ N NK Z Z1fvE Ul UlTp UlTt UlTn UlTy Tp Tt Tn Tk Ut_ C1 CI1 D2 B3foo cv li v8 F E Q H on dn sr srN gs ' +
      'cl cp cc sc dc rc nw nwi na dl da st sz sZ sP sp so mc di dx dX il tl ti te tr tw qu ix dt pt ds pm pp pp_ ng ad de nt co ' +
      'fp_ fL0p_ flpl frpl fLpl rq rQ TV TT TI TC Tc Th TA GV GR GTt GI 1A 1AI 1AN ' +
      'NvC1a Nv NC M X Y B_ C1a S T D W Fu FG_ FUK R Q KR KA KT KV KVNtC1a1S';
    for (const prefix of [
      '_Z1f',
      '_Z1fI',
      '_Z1fIX',
      '_ZN1A',
      '_ZN',
      '_ZZ1fvEUl',
      '_Z1fIiEvDT',
      '_Z',
      '_R',
      '_RINvC1a1b',
    ]) {
      for (const code of codes.split(' ')) {
        for (const tail of ['', 'i', '_E']) {
          const name = prefix + code.repeat(3000) + tail;
          expect(demangle(name).length, `${prefix}, ${code}, ${tail}`).toBeLessThanOrEqual(MAX_TEXT);
        }
      }
    }
  });

  it('reads damaged names without harm', () => {
    const names = [...Object.keys(cppNames), ...Object.keys(rustNames)];
    const alphabet = 'SITNEZLXDJPRKOFMACUvQ_0123456789sdcpltrgfnBGhkx.$';
    let read = 0;
    for (const name of damagedNames(names, { alphabet, kept: 2 })) {
      const readable = demangle(name);
      expect(readable.length).toBeLessThanOrEqual(Math.max(MAX_TEXT, name.length));
      if (readable !== name) read++;
    }
    // Damage is not always seen: a letter of an identifier is as good as another.
    expect(read).toBeGreaterThan(1000);
  });
});
