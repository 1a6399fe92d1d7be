import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { decompress as zstd } from 'fzstd';
import { BytesSource, runSync } from '../../src/io/index.js';
import { ElfDebugInformation } from '../../src/object/elf-debug-information.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { ElfFunctions } from '../../src/object/elf-functions.js';
import { damage, nasty } from './bytes.js';
import { applyRow, askFunction } from './information.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

/** An ELF file, and what is where in it. */
interface Base {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly file: ElfFile;
  /** Sections with something that is parsed. */
  readonly sections: readonly { offset: number; size: number }[];
  /** RVAs at which something is known. */
  readonly places: readonly number[];
}

const PARSED = /^\.z?debug_|^\.eh_frame|^\.symtab$|^\.dynsym$|^\.note|^\.gnu_debug|^\.dynamic$|^\.gnu\.hash$/;
const SHT_NOBITS = 8;

export const decompress = {
  inflate: (bytes: Uint8Array, size: number) => inflateSync(bytes, { maxOutputLength: Math.max(1, size) }),
  zstd: (bytes: Uint8Array, size: number) => zstd(bytes, new Uint8Array(size)),
};

/** Damaged ELF files: headers, symbols, .eh_frame, DWARF, compressed sections. */
export function elfFiles({ corpus, elf }: Places): Kind {
  const ofCorpus = ['dynsyms_only', 'elf_compressed_gnu', 'elf_compressed_shf', 'arm64/cfi_test'];
  const bases = [...elf, ...ofCorpus.map((name) => join(corpus, 'symbolic/linux', name))].map(baseOf);
  return {
    attempt(random) {
      // Those of the corpus have no DWARF.
      const base =
        random(8) === 0 ? pick(bases.slice(elf.length), random) : pick(bases.slice(0, elf.length), random);
      const bytes = damagedElf(base, random);
      ask(bytes, base, random);
      return bytes.length;
    },
  };
}

export function baseOf(path: string): Base {
  const bytes = new Uint8Array(readFileSync(path));
  const file = runSync(ElfFile.open(new BytesSource(bytes), { decompress }));
  const sections = file.sections.filter(
    ({ name, size, type }) => type !== SHT_NOBITS && size > 0 && PARSED.test(name),
  );
  const table =
    tolerate(() => runSync(ElfFunctions.open(file, '.symtab'))) ??
    tolerate(() => runSync(ElfFunctions.open(file, '.dynsym')));
  const functions = table === undefined ? [] : runSync(table.all());
  const places = functions.flatMap(({ start, size }) => [
    start,
    start + 1,
    start + (size >> 1),
    start + size - 1,
  ]);
  return { name: basename(path), bytes, file, sections, places: places.length > 0 ? places : [0x1000] };
}

export function damagedElf(base: Base, random: Random): Uint8Array {
  const { bytes: original, file, sections } = base;
  const bytes = random(16) === 0 ? original.slice(0, random(original.length)) : original.slice();
  const wide = file.pointerSize === 8;
  const header = new DataView(original.buffer, original.byteOffset);
  const sectionTable = wide ? Number(header.getBigUint64(40, true)) : header.getUint32(32, true);
  const programTable = wide ? Number(header.getBigUint64(32, true)) : header.getUint32(28, true);
  for (let n = 1 + random(6); n > 0; n--) {
    const choice = random(20);
    if (choice === 0) damage(bytes, random(64), random);
    else if (choice === 1)
      damage(bytes, programTable + random(file.programHeaders.length * (wide ? 56 : 32) + 1), random);
    else if (choice < 5) damageSectionHeader(bytes, sectionTable, base, random);
    else {
      const { offset, size } = pick(sections, random);
      // Heads of tables are where the counts, sizes and offsets are.
      const within = random(3) === 0 ? Math.min(size, 64) : size;
      damage(bytes, offset + random(within), random, pick([size, original.length], random));
    }
  }
  return bytes;
}

/** One field of a section that is parsed: its place or size, or its name, type, flags, link: it becomes another one. */
function damageSectionHeader(
  bytes: Uint8Array,
  table: number,
  { file, sections }: Base,
  random: Random,
): void {
  const wide = file.pointerSize === 8;
  const size = wide ? 64 : 40;
  const index = file.sections.indexOf(pick(sections, random) as (typeof file.sections)[number]);
  const at = table + index * size;
  if (at + size > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (random(3) === 0) {
    // The same field of another section.
    const from = table + random(file.sections.length) * size;
    const field = random(size / 4) * 4;
    if (from + size <= bytes.length) bytes.copyWithin(at + field, from + field, from + field + 8);
    return;
  }
  view.setUint32(at + random(size / 4) * 4, nasty(random, bytes.length), true);
}

function ask(bytes: Uint8Array, base: Base, random: Random): void {
  tolerate(() => {
    const module = runSync(ElfFile.open(new BytesSource(bytes), { decompress }));
    tolerate(() => runSync(module.buildId()));
    tolerate(() => runSync(module.debugLink()));
    tolerate(() => runSync(module.supplementaryLink()));
    const information = new ElfDebugInformation({ module });
    for (let n = 0; n < 5; n++) {
      const rva = random(6) === 0 ? nasty(random, 0x8000) : pick(base.places, random);
      askFunction(information, rva);
      applyRow(runSync(information.cfiAt(rva)));
    }
  });
}
