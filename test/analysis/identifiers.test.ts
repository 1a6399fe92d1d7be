import { describe, expect, it } from 'vitest';
import { moduleReports } from '../../src/analysis/modules.js';
import {
  encodeModuleList,
  encodeString,
  PlatformId,
  ProcessorArchitecture,
  StreamType,
} from '../../src/format/index.js';
import { Minidump } from '../../src/reader/index.js';
import { describeWith } from '../support/tools.js';
import { rustReports, smallDump } from './reports.js';

const { VER_PLATFORM_WIN32_NT: WINDOWS, MD_OS_MAC_OS_X: MAC, MD_OS_LINUX: LINUX } = PlatformId;
const STAMP = 0xb1054d2a;
const SIZE = 0xada542bd;

function bytesOf(hex: string): number[] {
  return (hex.replaceAll(' ', '').match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
}

function u32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

const path = [...'c:\\x\\mod.pdb\0'].map((letter) => letter.charCodeAt(0));
const RSDS = (guid: string, age: number) => [...u32(0x53445352), ...bytesOf(guid), ...u32(age), ...path];
const NB10 = (signature: number, age: number) => [
  ...u32(0x3031424e),
  0,
  0,
  0,
  0,
  ...u32(signature),
  ...u32(age),
  ...path,
];
const BpEL = (buildId: string) => [...u32(0x4270454c), ...bytesOf(buildId)];

interface Row {
  platform: number;
  record: number[];
  debugId: string;
  codeId: string;
  size?: number;
  debugFile?: string;
}

const NONE = '0'.repeat(33);
const counting = '000102030405060708090a0b0c0d0e0f1011121314151617';

/** The table of analysis-facts.md, section 8, and its examples. */
const rows: Row[] = [
  {
    platform: WINDOWS,
    record: RSDS('3412cdab 0df0 efbe 0102030405060708', 1),
    debugId: 'ABCD1234F00DBEEF01020304050607081',
    codeId: 'b1054d2aada542bd',
  },
  { platform: WINDOWS, record: RSDS('00'.repeat(16), 1), debugId: NONE, codeId: 'b1054d2aada542bd' },
  {
    platform: LINUX,
    record: RSDS('3412cdab 0df0 efbe 0102030405060708', 0x1a),
    debugId: 'ABCD1234F00DBEEF01020304050607081a',
    codeId: 'b1054d2aada542bd',
  },
  { platform: WINDOWS, record: NB10(0xabcd1234, 1), debugId: 'ABCD12341', codeId: 'b1054d2aada542bd' },
  { platform: WINDOWS, record: NB10(0x418e89c3, 1), debugId: '418E89C31', codeId: 'b1054d2aada542bd' },
  { platform: LINUX, record: NB10(0x8e89c3, 0x10), debugId: '008E89C310', codeId: 'b1054d2aada542bd' },
  {
    platform: LINUX,
    record: BpEL(counting),
    debugId: '030201000504070608090A0B0C0D0E0F0',
    codeId: counting,
    debugFile: 'mod',
  },
  {
    platform: LINUX,
    record: BpEL('0001020304050607'),
    debugId: '030201000504070600000000000000000',
    codeId: '0001020304050607',
    debugFile: 'mod',
  },
  {
    platform: LINUX,
    record: BpEL('f1c3bcc0279865fe3058404b2831d9e64135386c'),
    debugId: 'C0BCC3F19827FE653058404B2831D9E60',
    codeId: 'f1c3bcc0279865fe3058404b2831d9e64135386c',
    debugFile: 'mod',
  },
  {
    platform: LINUX,
    record: BpEL('5fa9cdb4 1053df1b 86fab733 b4df3738 cea34a87'),
    debugId: 'B4CDA95F53101BDF86FAB733B4DF37380',
    codeId: '5fa9cdb41053df1b86fab733b4df3738cea34a87',
    debugFile: 'mod',
  },
  {
    platform: LINUX,
    record: BpEL('5fa9cdb4'),
    debugId: 'B4CDA95F0000000000000000000000000',
    codeId: '5fa9cdb4',
    debugFile: 'mod',
  },
  { platform: LINUX, record: BpEL('00'.repeat(20)), debugId: NONE, codeId: '', debugFile: 'mod' },
  { platform: LINUX, record: BpEL(''), debugId: NONE, codeId: '', debugFile: 'mod' },
  {
    platform: MAC,
    record: RSDS('ddccbbaa ffee 1100 2233445566778899', 0),
    debugId: 'AABBCCDDEEFF001122334455667788990',
    codeId: 'aabbccddeeff00112233445566778899',
  },
  { platform: WINDOWS, record: [], debugId: NONE, codeId: 'b1054d2a4000', size: 0x4000, debugFile: '' },
  { platform: LINUX, record: [], debugId: NONE, codeId: '', debugFile: '' },
  { platform: WINDOWS, record: [...u32(0x12345678), 1, 2, 3], debugId: NONE, codeId: '', debugFile: '' },
];

function dumpOf({ platform, record, size = SIZE }: Row): Uint8Array {
  const builder = smallDump({
    ProcessorArchitecture: ProcessorArchitecture.PROCESSOR_ARCHITECTURE_AMD64,
    PlatformId: platform,
  });
  const name = builder.add(encodeString('/usr/lib/mod'));
  const CvRecord = builder.add(Uint8Array.from(record));
  const module = {
    BaseOfImage: 0x10000n,
    SizeOfImage: size,
    TimeDateStamp: STAMP,
    ModuleNameRva: name.Rva,
    CvRecord,
  };
  return builder.stream(StreamType.ModuleListStream, encodeModuleList([module])).build();
}

function identifiersOf(row: Row) {
  const [module] = Minidump.openSync(dumpOf(row)).getSync('modules')!;
  const [report] = moduleReports([module!], 'unknown', 'amd64');
  const { debug_id, code_id, debug_file } = report!;
  return { debug_id, code_id, debug_file };
}

describe('identifiers of modules', () => {
  it.each(rows)('$debugId $codeId (system $platform, $record)', (row) => {
    expect(identifiersOf(row)).toEqual({
      debug_id: row.debugId,
      code_id: row.codeId,
      debug_file: row.debugFile ?? 'mod.pdb',
    });
  });
});

describeWith(['minidump-stackwalk'], 'identifiers, as rust-minidump has them', () => {
  it('all rows', { timeout: 60_000 }, async () => {
    const reports = await rustReports(rows.map(dumpOf));
    expect(rows.map(identifiersOf)).toEqual(
      reports.map(({ modules: [module] }) => ({
        debug_id: module!.debug_id,
        code_id: module!.code_id,
        debug_file: module!.debug_file,
      })),
    );
  });
});
