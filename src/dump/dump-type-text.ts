import { minidumpTypes } from '../format/index.js';
import { MinidumpError } from '../io/index.js';

const NAMES = new Map(
  Object.entries(minidumpTypes.values)
    // Masks of what is valid, not things to ask for.
    .filter(([name]) => !name.startsWith('MiniDumpValid'))
    .map(([name, value]) => [plainName(name), value]),
);
NAMES.set('full', minidumpTypes.values.MiniDumpWithFullMemory);

/**
 * A dump type as people write it: `full`, `normal,with-thread-info`, `MiniDumpWithHandleData`, `0x1002`. Names are taken with
 * or without `MiniDump` and `With`, in any case, hyphens and underscores ignored.
 */
export function parseDumpType(text: string): number {
  let type = 0;
  for (const part of text.split(/[,|+]/)) {
    const value = /^\s*(?:0x[0-9a-f]{1,8}|[0-9]{1,9})\s*$/i.test(part)
      ? Number(part)
      : NAMES.get(plainName(part));
    if (value === undefined) {
      throw new MinidumpError('invalid-argument', `there is no dump type '${part.trim()}'`, {
        advice: 'See `mdmp dump --help`; several are separated by commas.',
      });
    }
    type = (type | value) >>> 0;
  }
  return type;
}

/** `MiniDumpNormal`, or the names of the flags. */
export function dumpTypeName(type: number | bigint): string {
  const names = minidumpTypes.flagNames(Number(type));
  return names.length === 0 ? 'MiniDumpNormal' : names.join(', ');
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[\s_-]/g, '')
    .replace(/^minidump/, '')
    .replace(/^with(?!out)/, '');
}
