import {
  checkLength,
  MAC_CRASH_INFO_STRINGS,
  MINIDUMP_MAC_BOOTARGS,
  MINIDUMP_MAC_CRASH_INFO,
  MINIDUMP_MAC_CRASH_INFO_RECORD,
  MINIDUMP_MAC_CRASH_INFO_RECORD_4,
  MINIDUMP_MAC_CRASH_INFO_RECORD_5,
  malformed,
  type ValueOf,
} from '../../format/index.js';
import { MinidumpError } from '../../io/index.js';
import { partOr, readParts, readStrings, utf8 } from '../parts.js';
import type { Decoder } from './decoder.js';

type Record5 = ValueOf<typeof MINIDUMP_MAC_CRASH_INFO_RECORD_5>;
type Record1 = ValueOf<typeof MINIDUMP_MAC_CRASH_INFO_RECORD>;

/** What a library of a macOS process left for crash reporters; the fields that its version has. */
export type MacCrashRecord = Record1 &
  Partial<Record5> &
  Partial<Record<(typeof MAC_CRASH_INFO_STRINGS)[number], string>>;

export interface MacCrashInfo {
  records: MacCrashRecord[];
  problems: MinidumpError[];
}

/** Numbers and five strings of at most 8 KiB. */
const LONGEST_RECORD = 0x10000;

export const readMacCrashInfo: Decoder<MacCrashInfo> = function* (dump, bytes) {
  checkLength('MozMacosCrashInfo', bytes, MINIDUMP_MAC_CRASH_INFO.size);
  const info = MINIDUMP_MAC_CRASH_INFO.decode(bytes, 0, dump.littleEndian);
  if (info.record_count > info.records.length) {
    throw malformed('MozMacosCrashInfo', `${info.records.length} records or less`, `${info.record_count}`);
  }
  const locations = info.records.slice(0, info.record_count);
  const parts = yield* readParts(
    dump,
    'record of MozMacosCrashInfo',
    locations.map(({ Rva, DataSize }) => ({ rva: Rva, size: DataSize })),
    LONGEST_RECORD,
  );
  const problems: MinidumpError[] = [];
  const records: MacCrashRecord[] = [];
  for (const part of parts) {
    const record = partOr(part, problems);
    if (!record) continue;
    try {
      records.push(decodeRecord(record, info.record_start_size, dump.littleEndian));
    } catch (error) {
      if (!(error instanceof MinidumpError)) throw error;
      problems.push(error);
    }
  }
  return { records, problems };
};

function decodeRecord(bytes: Uint8Array, startSize: number, littleEndian: boolean): MacCrashRecord {
  const what = 'record of MozMacosCrashInfo';
  checkLength(what, bytes, MINIDUMP_MAC_CRASH_INFO_RECORD.size);
  const { version } = MINIDUMP_MAC_CRASH_INFO_RECORD.decode(bytes, 0, littleEndian);
  const structure =
    version >= 5n
      ? MINIDUMP_MAC_CRASH_INFO_RECORD_5
      : version >= 4n
        ? MINIDUMP_MAC_CRASH_INFO_RECORD_4
        : MINIDUMP_MAC_CRASH_INFO_RECORD;
  if (startSize < structure.size) {
    throw malformed(what, `numbers of ${structure.size} bytes or more`, `${startSize}`);
  }
  checkLength(what, bytes, startSize);
  const record: MacCrashRecord = structure.decode(bytes, 0, littleEndian);
  if (version < 4n) return record;
  const texts = utf8(bytes.subarray(startSize)).split('\0');
  MAC_CRASH_INFO_STRINGS.forEach((name, i) => {
    record[name] = texts[i] ?? '';
  });
  return record;
}

export const readMacBootArgs: Decoder<string> = function* (dump, bytes) {
  checkLength('MozMacosBootargs', bytes, MINIDUMP_MAC_BOOTARGS.size);
  const { bootargs } = MINIDUMP_MAC_BOOTARGS.decode(bytes, 0, dump.littleEndian);
  const [text] = yield* readStrings(dump, 'boot arguments', [bootargs]);
  if (text instanceof MinidumpError) throw text;
  return text!;
};
