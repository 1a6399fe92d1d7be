import type { Task } from '../../io/index.js';
import { ByteReader, broken } from '../bytes.js';
import { Intervals } from '../dwarf/intervals.js';
import { NumberList } from '../number-list.js';
import type { SectionData } from '../section-data.js';
import { eachRow } from './pieces.js';
import type { PdbSections } from './sections.js';

const V60 = 0xeffe_0000 + 19970605;
const V2 = 0xeffe_0000 + 20140516;
/** V2 has the number of the section in the object file behind each. */
const ROW_SIZES = new Map([
  [V60, 28],
  [V2, 32],
]);

/** Which module each piece of code is of, by RVA: those of data are left out. */
export function* readSectionContributions(data: SectionData, sections: PdbSections): Task<Intervals> {
  const triples = new NumberList();
  if (data.size < 4) return new Intervals(triples);
  const version = new ByteReader(yield* data.read(0, 4), data.name).u32();
  const rowSize = ROW_SIZES.get(version);
  if (rowSize === undefined)
    throw broken('section contributions of the PDB', 'version V60 or V2', `0x${version.toString(16)}`);
  yield* eachRow(data, 4, rowSize, (view, at) => {
    const section = view.getUint16(at, true);
    const size = view.getUint32(at + 8, true);
    if (!sections.isCode(section)) return;
    const start = sections.rva(section, view.getUint32(at + 4, true));
    if (start === undefined) return;
    triples.push(start);
    triples.push(start + size);
    triples.push(view.getUint16(at + 16, true));
  });
  return new Intervals(triples);
}
