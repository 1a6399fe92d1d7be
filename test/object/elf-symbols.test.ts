import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runSync } from '../../src/io/index.js';
import {
  type DynamicSection,
  type ElfImage,
  type ImageReader,
  PT_LOAD,
  readDynamicSection,
  readElfImage,
} from '../../src/object/elf.js';
import { countSymbols, type DynamicSymbol, findSymbol } from '../../src/object/elf-symbols.js';
import { compile } from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsLinux, requireTool } from '../support/tools.js';

const readFrom = (bytes: Uint8Array): ImageReader =>
  function* (offset, length) {
    if (offset < 0n || offset >= BigInt(bytes.length)) return undefined;
    return bytes.subarray(Number(offset), Number(offset) + length);
  };

/** A file as the loader would lay it into memory, not relocated. */
function load(path: string): { bytes: Uint8Array; image: ElfImage } {
  const file = readFileSync(path);
  const image = runSync(readElfImage(readFrom(file)))!;
  const bytes = new Uint8Array(Number(image.size));
  for (const { type, address, offset, fileSize } of image.headers) {
    if (type !== PT_LOAD) continue;
    bytes.set(file.subarray(Number(offset), Number(offset + fileSize)), Number(address - image.linkBase));
  }
  return { bytes, image };
}

const dynamicOf = (image: ElfImage, bytes: Uint8Array): DynamicSection | undefined =>
  runSync(readDynamicSection(image, 0x7000_0000_0000n, readFrom(bytes)));

/** Defined symbols as readelf tells of them. */
async function symbolsOf(path: string): Promise<Map<string, DynamicSymbol[]>> {
  const text = (await run(requireTool('readelf'), ['-W', '--dyn-syms', path])).stdout.toString();
  const found = new Map<string, DynamicSymbol[]>();
  const line = /^ *\d+: ([0-9a-f]+) +(\d+|0x[0-9a-f]+) (\w+) +\w+ +\w+ +(\d+|ABS) ([^@\s]+)/gm;
  for (const [, value, size, type, , name] of text.matchAll(line)) {
    if (type === 'TLS' || type === 'SECTION') continue;
    const symbol = { offset: BigInt(`0x${value}`), size: Number(size) };
    found.set(name!, [...(found.get(name!) ?? []), symbol]);
  }
  return found;
}

/** How many entries the table has, the first and undefined ones too. */
async function countByReadelf(path: string): Promise<number> {
  const text = (await run(requireTool('readelf'), ['-W', '--dyn-syms', path])).stdout.toString();
  return Number(/contains (\d+) entr/.exec(text)![1]);
}

async function libc(): Promise<string> {
  const listed = (await run('ldd', [process.execPath])).stdout.toString();
  return /libc\.so\.6 => (\S+)/.exec(listed)![1]!;
}

describeWith(['gcc', 'readelf', needsLinux], 'symbols by the hash tables', () => {
  it('are where readelf says, all of libc', async () => {
    const path = await libc();
    const { bytes, image } = load(path);
    const dynamic = dynamicOf(image, bytes)!;
    const symbols = await symbolsOf(path);
    expect(symbols.size).toBeGreaterThan(1000);
    for (const [name, places] of symbols) {
      const found = runSync(findSymbol(dynamic, name, readFrom(bytes)));
      // A name with several versions has several places.
      expect(places, name).toContainEqual(found);
    }
    for (const name of ['', 'no_such_symbol', 'mallo', 'malloc_', '__cxa_throw'])
      expect(runSync(findSymbol(dynamic, name, readFrom(bytes))), name).toBeUndefined();
    expect(runSync(countSymbols(dynamic, 8, readFrom(bytes)))).toBe(await countByReadelf(path));
  });

  it.each(['sysv', 'gnu', 'both'])('of a library with --hash-style=%s', async (style) => {
    const path = await compile('tls', ['-shared', '-fPIC', '-DLIBRARY', `-Wl,--hash-style=${style}`]);
    const { bytes, image } = load(path);
    const dynamic = dynamicOf(image, bytes)!;
    const [expected] = (await symbolsOf(path)).get('library_variable')!;
    expect(runSync(findSymbol(dynamic, 'library_variable', readFrom(bytes)))).toEqual(expected);
    expect(runSync(findSymbol(dynamic, 'malloc', readFrom(bytes)))).toBeUndefined();
    expect(runSync(countSymbols(dynamic, 8, readFrom(bytes)))).toBe(await countByReadelf(path));
  });

  it('of a broken image end, whatever it says', async () => {
    for (const style of ['sysv', 'gnu']) {
      const path = await compile('tls', ['-shared', '-fPIC', '-DLIBRARY', `-Wl,--hash-style=${style}`]);
      const { bytes, image } = load(path);
      let seed = 12345;
      const random = (below: number) => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return seed % below;
      };
      let reads = 0;
      const results = new Set<string>();
      for (let round = 0; round < 2000; round++) {
        const broken = bytes.slice();
        // The headers, hash tables and symbols stand at the start, the dynamic section near the end.
        for (let i = 0; i < 8; i++) broken[random(i < 6 ? 1200 : broken.length)] = random(256);
        const read: ImageReader = function* (offset, length) {
          reads++;
          return yield* readFrom(broken)(offset, length);
        };
        const dynamic = dynamicOf(image, broken);
        const found = dynamic && runSync(findSymbol(dynamic, 'library_variable', read));
        results.add(typeof found);
      }
      expect(results).toEqual(new Set(['object', 'undefined']));
      expect(reads).toBeLessThan(2000 * 30_000);
    }
  });
});
