/** Files that ask for more work than they are large. The work is counted, not timed. */
import { describe, expect, it } from 'vitest';
import { runSync, type Task } from '../../../src/io/index.js';
import { readExports } from '../../../src/object/pe/exports.js';
import { openPeFrames } from '../../../src/object/pe/frames.js';
import type { PeImage } from '../../../src/object/pe/index.js';
import { silentListener } from '../silent-listener.js';
import { DATA, EXCEPTION, openMadeUp, TEXT, words } from './made-up.js';

const EXPORT = 0;
const ARM64 = 0xaa64;

/** What a list of unwind data costs: reads of the image, and records that are told. */
function costOf(image: PeImage): { reads: number; records: number } {
  const cost = { reads: 0, records: 0 };
  const counted: PeImage = {
    headers: image.headers,
    *read(rva, length): Task<Uint8Array | undefined> {
      cost.reads++;
      return yield* image.read(rva, length);
    },
  };
  const tell = () => {
    cost.records++;
  };
  runSync(openPeFrames(counted)!.list(silentListener({ cfi: tell, cfiDelta: tell })));
  return cost;
}

describe('a list of unwind data', () => {
  it.each([0x8664, ARM64])(
    'ends where its table does, whatever its size is said to be: machine %i',
    (machine) => {
      const data = Buffer.concat([words(TEXT, TEXT + 8, DATA + 12), Buffer.from([1, 0, 0, 0])]);
      const sizes = { imageSize: 0xffff_f000, directories: { [EXCEPTION]: [DATA, 0xffff_fff0] as const } };
      const whole = openMadeUp({ machine, data, ...sizes });
      expect(costOf(whole).reads).toBeLessThan(10);
      // The section itself is said to be as large.
      const { headers } = whole;
      const [text, rdata] = headers.sections;
      const sections = [text!, { ...rdata!, virtualSize: 0xffff_d000 }];
      const image = { headers: { ...headers, sections }, read: whole.read.bind(whole) };
      expect(costOf(image).reads).toBeLessThan(10);
    },
  );

  it('x64: chains that many entries share are not followed for each without end', () => {
    const COUNT = 2000;
    const LENGTH = 30;
    const infosAt = DATA + COUNT * 12;
    const infoSize = 4 + 256 * 2 + 12;
    const infos = Array.from({ length: LENGTH }, (_, i) => {
      const isLast = i === LENGTH - 1;
      const next = words(TEXT, TEXT + 16, infosAt + (i + 1) * infoSize);
      const codes = Buffer.alloc(256 * 2, 0x02);
      return Buffer.concat([Buffer.from([isLast ? 1 : 1 | (4 << 3), 0, 255, 0]), codes, next]);
    });
    const table = Array.from({ length: COUNT }, (_, i) => words(TEXT + i * 16, TEXT + i * 16 + 16, infosAt));
    const data = Buffer.concat([...table, ...infos]);
    const file = openMadeUp({ data, directories: { [EXCEPTION]: [DATA, COUNT * 12] } });
    const { reads, records } = costOf(file);
    expect(records).toBeGreaterThan(5);
    expect(reads).toBeLessThan(COUNT * 4);
  });

  it('ARM64: epilogues that many entries share are not told for each without end', () => {
    const COUNT = 1000;
    const SCOPES = 0xffff;
    const xdata = DATA + COUNT * 8;
    // Extended: 255 words of codes, each for 16 bytes of the frame; the epilogues begin one instruction after the other.
    const scopes = Array.from({ length: SCOPES }, (_, i) => (i & 0x3ffff) | ((i & 0x3ff) << 22));
    const record = [words(0x3ffff, SCOPES | (255 << 16), ...scopes), Buffer.alloc(255 * 4, 0x01)];
    const table = Array.from({ length: COUNT }, (_, i) => words(TEXT + i * 4, xdata));
    const data = Buffer.concat([...table, ...record]);
    const file = openMadeUp({ machine: ARM64, data, directories: { [EXCEPTION]: [DATA, COUNT * 8] } });
    const { reads, records } = costOf(file);
    expect(records).toBeGreaterThan(0);
    expect(reads).toBeLessThan(COUNT * 4);
    expect(records).toBeLessThan(data.length / 8);
  });

  it.each([
    ['its last epilogue', 1019],
    ['its prologue', 0],
  ])('ARM64: what comes before a broken place costs something, too: %s', (_, broken) => {
    const COUNT = 1000;
    const SCOPES = 0xffff;
    const xdata = DATA + COUNT * 8;
    // One code wants more bytes than there are; all epilogues but the last have none.
    const codes = Buffer.alloc(255 * 4, 0x01);
    codes[1018] = broken === 0 ? 0x01 : 0xe4;
    codes[1019] = 0xe0;
    const scopes = Array.from({ length: SCOPES }, (_, i) => i | ((i === SCOPES - 1 ? 1019 : 1018) << 22));
    const record = [words(0x3ffff, SCOPES | (255 << 16), ...scopes), codes];
    const table = Array.from({ length: COUNT }, (_, i) => words(TEXT + i * 4, xdata));
    const data = Buffer.concat([...table, ...record]);
    const file = openMadeUp({ machine: ARM64, data, directories: { [EXCEPTION]: [DATA, COUNT * 8] } });
    const { reads, records } = costOf(file);
    expect(records).toBeLessThan(COUNT / 10);
    expect(reads).toBeGreaterThan(2);
    expect(reads).toBeLessThan(COUNT * 2);
  });
});

describe('a list of exports', () => {
  it('names that share one long text are told as long as that is in proportion', () => {
    const COUNT = 20_000;
    const TEXT_SIZE = 40_000;
    const functions = DATA + 40;
    const names = functions + COUNT * 4;
    const ordinals = names + COUNT * 4;
    const text = ordinals + COUNT * 2;
    const pointers = Array.from({ length: COUNT }, (_, i) => text + (i % 100));
    const data = Buffer.concat([
      words(0, 0, 0, 0, 1, COUNT, COUNT, functions, names, ordinals),
      words(...Array.from({ length: COUNT }, (_, i) => TEXT + (i % 0x1000))),
      words(...pointers),
      Buffer.from(Uint16Array.from({ length: COUNT }, (_, i) => i).buffer),
      Buffer.alloc(TEXT_SIZE, 'a'),
      Buffer.alloc(1),
    ]);
    const code = new Uint8Array(0x1000);
    const file = openMadeUp({ code, data, directories: { [EXPORT]: [DATA, data.length] } });
    let length = 0;
    runSync(
      runSync(readExports(file))!.each(({ name }) => {
        length += name.length;
      }),
    );
    expect(length).toBeGreaterThan(TEXT_SIZE * 10);
    expect(length).toBeLessThan(data.length * 8 + (1 << 20));
  });
});
