/**
 * Small files that say the same thing over and over by pointing at it: what is done about them is bounded by their size. What is read is
 * counted, as time would depend on the machine.
 */
import { describe, expect, it } from 'vitest';
import { BytesSource, runSync } from '../../src/io/index.js';
import type { Fde } from '../../src/object/dwarf/frame-entry.js';
import { unwindRows } from '../../src/object/dwarf/frame-program.js';
import { readDwarfSections } from '../../src/object/dwarf/sections.js';
import { UnitIndex } from '../../src/object/dwarf/unit-index.js';
import { DwarfUnits } from '../../src/object/dwarf/units.js';
import { ElfDebugInformation } from '../../src/object/elf-debug-information.js';
import { ElfFile } from '../../src/object/elf-file.js';
import { elfWith, u32, u64, unit } from './made-up-elf.js';

/** Counts what is read. */
class CountingSource extends BytesSource {
  bytes = 0;
  reads = 0;

  override read(offset: number, length: number): Uint8Array {
    this.bytes += length;
    this.reads++;
    return super.read(offset, length);
  }
}

function open(sections: Record<string, Uint8Array>) {
  const source = new CountingSource(elfWith(sections));
  const information = new ElfDebugInformation({ module: runSync(ElfFile.open(source)) });
  return { source, information };
}

describe('DWARF that points at the same place again and again', () => {
  it('units whose abbreviations are far behind where their tables begin', () => {
    // Abbreviations of two bytes, tag and no attributes; none has code 3.
    const abbreviations = new Uint8Array(200_000);
    for (let at = 0; at + 5 < abbreviations.length; at += 5) abbreviations.set([2, 0x11, 0, 0, 0], at);
    const info = Uint8Array.from(Array.from({ length: 5000 }, (_, i) => unit([3], 5 * (i % 30_000))).flat());
    const { source, information } = open({ '.debug_info': info, '.debug_abbrev': abbreviations });
    expect(runSync(information.functionAt(0x1000))).toBeUndefined();
    expect(source.bytes / source.size).toBeLessThan(100);
  });

  it('units with one long list of ranges', () => {
    // DW_TAG_compile_unit, DW_AT_ranges as DW_FORM_sec_offset
    const abbreviations = Uint8Array.from([1, 0x11, 0, 0x55, 0x17, 0, 0, 0]);
    const info = Uint8Array.from(Array.from({ length: 2000 }, () => unit([1, ...u32(0)])).flat());
    const ranges = Uint8Array.from([
      ...Array.from({ length: 20_000 }, (_, i) => [...u64(i * 16), ...u64(i * 16 + 8)]).flat(),
      ...u64(0),
      ...u64(0),
    ]);
    const file = runSync(
      ElfFile.open(
        new BytesSource(
          elfWith({ '.debug_info': info, '.debug_abbrev': abbreviations, '.debug_ranges': ranges }),
        ),
      ),
    );
    const sections = runSync(readDwarfSections(file))!;
    const data = sections.ranges!;
    const read = data.read.bind(data);
    let entries = 0;
    data.read = (offset, length) => {
      entries++;
      return read(offset, length);
    };
    expect(runSync(new UnitIndex(new DwarfUnits(sections)).find(0x10))).toBeTypeOf('number');
    // Each unit is refused its first, when those of all together have become too many.
    expect(entries).toBeLessThan((1 << 20) + 2001);
  });

  it('call frame instructions that save all rules again and again', () => {
    // 60 rules, then 50,000 times: remember, restore.
    const instructions = Uint8Array.from([
      ...Array.from({ length: 60 }, (_, i) => [0x80 | i, 1]).flat(),
      ...new Array(50_000).fill([0x0a, 0x0b]).flat(),
    ]);
    const cie = {
      ...{ codeAlignment: 1, dataAlignment: -8, returnAddressRegister: 16, pointerEncoding: 0 },
      instructions: new Uint8Array(),
    };
    const fde = { start: 0, end: 0x1000, cie, instructions, instructionsAddress: 0 } as unknown as Fde;
    expect(() => [...unwindRows(fde, 8)]).toThrow(/fewer remembered states/);
  });

  it('names that are ends of one long text', () => {
    const depth = 400;
    // 1: compile_unit with low_pc and high_pc; 2: subprogram with name, low_pc, high_pc; 3: the same, inlined.
    const head = [0x11, 0x01, 0x12, 0x06];
    const abbreviations = Uint8Array.from([
      ...[1, 0x11, 1, ...head, 0, 0],
      ...[2, 0x2e, 1, 0x03, 0x0e, ...head, 0, 0],
      ...[3, 0x1d, 1, 0x03, 0x0e, ...head, 0, 0],
      0,
    ]);
    const place = [...u64(0x1000), ...u32(0x100)];
    const calls = Array.from({ length: depth }, (_, i) => [3, ...u32(i + 1), ...place]).flat();
    const info = Uint8Array.from(unit([1, ...place, 2, ...u32(0), ...place, ...calls]));
    const text = new Uint8Array(2 << 20).fill(0x61);
    text[text.length - 1] = 0;
    const { source, information } = open({
      '.debug_info': info,
      '.debug_abbrev': abbreviations,
      '.debug_str': text,
    });
    const found = runSync(information.functionAt(0x1080))!;
    expect(found.inlines.length).toBe(depth);
    const length = found.inlines.reduce((sum, { name }) => sum + name.length, found.name.length);
    expect(length).toBeLessThan(source.size * 4);
  });
});
