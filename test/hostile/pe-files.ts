import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSource, runSync } from '../../src/io/index.js';
import { PeDebugInformation, PeFile, PeImageInformation } from '../../src/object/pe/index.js';
import { silentListener } from '../object/silent-listener.js';
import { damage, nasty } from './bytes.js';
import { decompress } from './elf-files.js';
import { applyRow, askFunction } from './information.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

interface Base {
  readonly bytes: Uint8Array;
  readonly file: PeFile;
  /** Parts with something that is parsed. */
  readonly parts: readonly { offset: number; size: number }[];
}

const PARSED = /^\.(?:pdata|xdata|rdata|edata|debug_)/;
const NAMES = [
  'CrashWithException.exe',
  'arm64/test.exe',
  'cfi_chained_loop.exe',
  'crash.exe',
  'hello-dwarf.exe',
];

/** Damaged PE files: headers, sections, directories, unwind data, COFF symbols, DWARF; as files and as they lie in memory. */
export function peFiles({ corpus }: Places): Kind {
  const bases = NAMES.map((name) => baseOf(join(corpus, 'symbolic/windows', name)));
  return {
    attempt(random) {
      const base = pick(bases, random);
      const bytes = damaged(base, random);
      tolerate(() => ask(bytes, random));
      tolerate(() => askImage(bytes, random));
      return bytes.length;
    },
  };
}

function baseOf(path: string): Base {
  const bytes = new Uint8Array(readFileSync(path));
  const file = runSync(PeFile.open(new BytesSource(bytes)));
  const { offset, count } = file.headers.symbols;
  const symbols = offset === 0 ? [] : [{ offset, size: Math.min(count * 18 + 64, bytes.length - offset) }];
  return {
    bytes,
    file,
    parts: [...file.sections.filter(({ name, size }) => size > 0 && PARSED.test(name)), ...symbols],
  };
}

function damaged({ bytes: original, file, parts }: Base, random: Random): Uint8Array {
  const bytes = random(16) === 0 ? original.slice(0, random(original.length)) : original.slice();
  const headers = Math.min(file.headers.headersSize || 512, original.length);
  for (let n = 1 + random(6); n > 0; n--) {
    if (random(3) === 0 || parts.length === 0) damage(bytes, random(headers), random, original.length);
    else {
      const { offset, size } = pick(parts, random);
      const within = random(3) === 0 ? Math.min(size, 64) : size;
      damage(bytes, offset + random(within), random, pick([size, original.length], random));
    }
  }
  return bytes;
}

function ask(bytes: Uint8Array, random: Random): void {
  const file = runSync(PeFile.open(new BytesSource(bytes), { decompress }));
  const information = new PeDebugInformation(file);
  askInformation(information, random);
  if (random(4) === 0) runSync(information.list(silentListener()));
}

function askImage(bytes: Uint8Array, random: Random): void {
  const information = runSync(
    PeImageInformation.open(0n, function* (offset, length) {
      return bytes.subarray(Number(offset), Number(offset) + length);
    }),
  );
  if (information) askInformation(information, random);
}

function askInformation(information: PeDebugInformation | PeImageInformation, random: Random): void {
  for (let n = 0; n < 5; n++) {
    const rva = random(6) === 0 ? nasty(random, 0x8000) : 0x1000 + random(0x7000);
    askFunction(information, rva);
    applyRow(runSync(information.cfiAt(rva, random(2) === 0)));
  }
}
