import { streamTypes } from '../../format/index.js';
import { MinidumpError } from '../../io/index.js';
import { streamKeys } from '../../reader/index.js';
import { streams } from '../../reader/streams/table.js';

/**
 * The type of a stream: a number, or its name as the header or as this library has it, with or without `Stream`, in any case
 * (`LinuxEnviron`, `linux-environ`, `0x47670007`).
 */
export function streamTypeOf(wanted: number | string): number {
  const number =
    typeof wanted === 'string' && /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(wanted) ? Number(wanted) : wanted;
  if (typeof number === 'number') {
    if (Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff) return number;
    throw new MinidumpError('invalid-argument', `${number} is not the type of a stream`);
  }
  const name = plainName(number);
  const key = streamKeys.find((one) => plainName(one) === name);
  const type = key
    ? streams[key].type
    : Object.entries(streamTypes.values).find(([one]) => plainName(one) === name)?.[1];
  if (type === undefined) {
    throw new MinidumpError('invalid-argument', `there is no stream '${number}'`, {
      advice: '`mdmp show FILE` lists those of a dump; a number is taken, too.',
    });
  }
  return type;
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replace('stream', '');
}
