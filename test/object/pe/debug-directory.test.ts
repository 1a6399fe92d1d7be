import { describe, expect, it } from 'vitest';
import { DATA, DEBUG, openMadeUp, words } from './made-up.js';

const CODEVIEW = 2;
const REPRO = 16;
const EMBEDDED_PORTABLE_PDB = 17;

interface Entry {
  type: number;
  record: Uint8Array;
  /** Where it says that the record is, and how long. */
  address?: number;
  size?: number;
}

/** The debug directory of a file with these entries. */
function debugOf(entries: readonly Entry[]) {
  const records: Uint8Array[] = [];
  let next = DATA + entries.length * 28;
  const table = entries.map(({ type, record, address = next, size = record.length }) => {
    records.push(record);
    next += record.length;
    return words(0, 0, 0, type, size, address, 0);
  });
  const data = Buffer.concat([...table, ...records]);
  return openMadeUp({ data, directories: { [DEBUG]: [DATA, entries.length * 28] } }).debug;
}

const text = (value: string) => Buffer.from(`${value}\0`);
const guid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const rsds = Buffer.concat([Buffer.from('RSDS'), guid, words(10), text('C:\\build\\ünit.pdb')]);

describe('the debug directory', () => {
  it('RSDS: the GUID of PDB 7.0 and its age', () => {
    expect(debugOf([{ type: CODEVIEW, record: rsds }])).toMatchObject({
      debugIdentifier: '33221100554477668899AABBCCDDEEFFa',
      pdbName: 'C:\\build\\ünit.pdb',
      reproducible: false,
      embeddedPdb: undefined,
    });
  });

  it('NB10: the time stamp of PDB 2.0 and its age', () => {
    const record = Buffer.concat([Buffer.from('NB10'), words(0, 0x45d35f6c, 2), text('old.pdb')]);
    expect(debugOf([{ type: CODEVIEW, record }])).toMatchObject({
      debugIdentifier: '45D35F6C2',
      pdbName: 'old.pdb',
    });
  });

  it('a GUID of zeros is none, and the path stands', () => {
    const record = Buffer.concat([Buffer.from('RSDS'), Buffer.alloc(16), words(1), text('none.pdb')]);
    expect(debugOf([{ type: CODEVIEW, record }])).toMatchObject({
      debugIdentifier: undefined,
      pdbName: 'none.pdb',
    });
  });

  it('an embedded portable PDB lies behind eight bytes: MPDB, and how large it is unpacked', () => {
    const packed = Buffer.from('packed with raw deflate');
    const record = Buffer.concat([Buffer.from('MPDB'), words(4096), packed]);
    const debug = debugOf([
      { type: CODEVIEW, record: rsds },
      { type: EMBEDDED_PORTABLE_PDB, record },
      { type: REPRO, record: Buffer.alloc(0) },
    ]);
    expect(debug).toMatchObject({ debugIdentifier: '33221100554477668899AABBCCDDEEFFa', reproducible: true });
    const address = DATA + 3 * 28 + rsds.length + 8;
    expect(debug.embeddedPdb).toEqual({ address, size: packed.length, unpackedSize: 4096 });
    const other = Buffer.concat([Buffer.from('ZPDB'), words(4096), packed]);
    expect(debugOf([{ type: EMBEDDED_PORTABLE_PDB, record: other }]).embeddedPdb).toBeUndefined();
  });

  it.each<[string, Entry]>([
    [
      'of another signature',
      { type: CODEVIEW, record: Buffer.concat([Buffer.from('NB09'), rsds.subarray(4)]) },
    ],
    ['cut off', { type: CODEVIEW, record: rsds.subarray(0, 20) }],
    ['empty', { type: CODEVIEW, record: Buffer.alloc(0) }],
    ['that is nowhere', { type: CODEVIEW, record: rsds, address: 0x7fff_0000 }],
    ['too long for its section', { type: CODEVIEW, record: rsds, size: 0x8000 }],
    ['of four gigabytes', { type: CODEVIEW, record: rsds, size: 0xffff_ffff }],
  ])('a record %s is as if it were absent, and the next one counts', (_, entry) => {
    expect(debugOf([entry]).debugIdentifier).toBeUndefined();
    expect(debugOf([entry, { type: CODEVIEW, record: rsds }]).debugIdentifier).toBe(
      '33221100554477668899AABBCCDDEEFFa',
    );
  });
});
