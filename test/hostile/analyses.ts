import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  analyzeTask,
  type CapstoneModule,
  capstoneDisassembler,
  crashSignature,
  type Disassembler,
  reportText,
  rustMinidumpReport,
} from '../../src/analysis/index.js';
import { BytesSource, type Cache, type CachedSource, type FolderFile, runSync } from '../../src/io/index.js';
import { Minidump } from '../../src/reader/index.js';
import { SymbolFile, Symbols } from '../../src/symbols/index.js';
import { damage } from './bytes.js';
import { baseOf, damagedElf, decompress } from './elf-files.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

interface Case {
  readonly bytes: Uint8Array;
  readonly symbols: readonly Uint8Array[];
  /** Where its directory, its streams and what they point to begin. */
  readonly places: readonly number[];
}

const DUMPS: readonly (readonly [string, ...string[]])[] = [
  ['rust-minidump/test.dmp', 'breakpad/symbols/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym'],
  ['rust-minidump/linux-mini.dmp', 'symbolic/linux/crash.sym'],
  ['rust-minidump/linux-mini.dmp', 'symbolic/linux/crash', 'symbolic/linux/crash.debug'],
  ['rust-minidump/linux-mini.dmp', 'symbolic/linux/crash'],
  [
    'breakpad/linux_overflow.dmp',
    'breakpad/symbols/overflow/B0E1FC01EF48E39CAF5C881D2DF0C3840/overflow.sym',
    'breakpad/symbols/ld-2.13.so/C32AD7E235EA6112E02A5B9D6219C4850/ld-2.13.so.sym',
  ],
  ['symbolicator/windows.dmp'],
  ['symbolicator/linux.dmp', 'symbolic/linux/crash.sym'],
  ['rust-minidump/simple-crashpad.dmp'],
  ['breakpad/thread_name_list.dmp'],
  ['breakpad/tiny-exe-with-cet-xsave-x86.dmp'],
  ['breakpad/linux_executable_heap.dmp'],
  ['breakpad/null_read_av.dmp'],
];

class BytesFile extends BytesSource implements FolderFile, CachedSource {
  readonly name: string;
  readonly stamp = '';

  constructor(name: string, bytes: Uint8Array) {
    super(bytes);
    this.name = name;
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** Keeps indexes of .sym files that are not damaged: to make one for each attempt would be all that happens. */
class MemoryCache implements Cache {
  readonly kept = new Map<string, Uint8Array>();

  open(key: string): CachedSource | undefined {
    const bytes = this.kept.get(key);
    return bytes && new BytesFile(key, bytes);
  }

  store(key: string, pieces: Iterable<Uint8Array>): void {
    const bytes = Buffer.concat([...pieces]);
    // An index of what a damaged dump calls its own.
    if (this.kept.size < 64) this.kept.set(key, bytes);
  }
}

/** Gives damaged indexes for what was stored. */
class DamagedCache extends MemoryCache {
  readonly #random: Random;

  constructor(cache: MemoryCache, random: Random) {
    super();
    for (const [key, bytes] of cache.kept) this.kept.set(key, bytes);
    this.#random = random;
  }

  override open(key: string): CachedSource | undefined {
    const kept = this.kept.get(key);
    if (kept === undefined) return undefined;
    const bytes = kept.slice();
    // Behind the header, which has a checksum.
    for (let n = this.#random(2000); n > 0; n--)
      damage(bytes, 200 + this.#random(bytes.length), this.#random);
    return new BytesFile(key, bytes);
  }
}

/** Dumps with their symbols, either damaged: analysed, and reported as text, as JSON and as a signature. */
export async function analyses({ corpus, root }: Places): Promise<Kind> {
  const files = new Map<string, Uint8Array>();
  const fileOf = (name: string) => {
    const bytes = files.get(name) ?? new Uint8Array(readFileSync(join(corpus, name)));
    files.set(name, bytes);
    return bytes;
  };
  const cases = DUMPS.map(([dump, ...symbols]): Case => {
    const bytes = fileOf(dump);
    const { directory } = Minidump.openSync(bytes);
    const streams = directory.flatMap(({ rva, dataSize }) => [rva, rva, rva + 4, rva + (dataSize >> 1)]);
    return { bytes, symbols: symbols.map(fileOf), places: [0, 0x20, 0x20, ...streams] };
  });
  const disassembler = capstoneDisassembler(await loadCapstone(root));
  const elf = baseOf(join(corpus, 'symbolic/linux/crash'));
  const cache = new MemoryCache();
  return {
    attempt(random) {
      const { bytes, symbols, places } = pick(cases, random);
      const damaged = random(3);
      const dump = damaged === 0 && symbols.length > 0 ? bytes : damagedDump(bytes, places, random);
      let given = symbols;
      let kept: Cache = cache;
      if (dump === bytes) {
        if (symbols[0]![0] === 0x7f) given = [damagedElf(elf, random), ...symbols.slice(1)];
        else kept = new DamagedCache(cache, random);
      }
      report(dump, given, kept, disassembler);
      return Math.max(dump.length, ...given.map(({ length }) => length));
    },
  };
}

/** Streams, and what they point at: numbers above all. */
function damagedDump(bytes: Uint8Array, places: readonly number[], random: Random): Uint8Array {
  const damaged = random(16) === 0 ? bytes.slice(0, random(bytes.length)) : bytes.slice();
  for (let n = 1 + random(8); n > 0; n--) {
    const at = random(3) === 0 ? random(damaged.length) : pick(places, random) + random(96);
    damage(damaged, at, random);
  }
  return damaged;
}

function report(
  bytes: Uint8Array,
  files: readonly Uint8Array[],
  cache: Cache,
  disassembler: Disassembler,
): void {
  const dump = tolerate(() => Minidump.openSync(bytes));
  if (dump === undefined) return;
  using symbols = new Symbols(
    files.map((file, i) => new SymbolFile(() => new BytesFile(`file ${i}`, file))),
    { cache, decompress },
  );
  // What is broken costs what it is part of: a dump that was opened always has a report.
  const analysis = runSync(analyzeTask(dump, { symbols, disassembler }));
  const json = runSync(rustMinidumpReport(analysis));
  const written = JSON.stringify(json);
  const bad = /.{0,80}(?:xNaN|undefined|xInfinity).{0,80}/.exec(written);
  if (bad) throw new Error(`the report says ${bad[0]}`);
  runSync(reportText(analysis));
  crashSignature(json as Parameters<typeof crashSignature>[0]);
}

/** Capstone, from the folder of package.json. */
async function loadCapstone(root: string): Promise<CapstoneModule> {
  const start = createRequire(join(root, 'package.json'))('@alexaltea/capstone-js');
  return await start();
}
