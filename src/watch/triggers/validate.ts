import { cpus } from 'node:os';
import { MinidumpError } from '../../io/index.js';
import { SHORTEST_HANG_MS } from './hang.js';
import type { TriggerSpec } from './trigger.js';

const SHORTEST_CPU_SECONDS = 0.5;
/** A hundred years: more is a slip, and beyond what clocks count. */
const LONGEST_SECONDS = 100 * 365 * 86_400;
const MAX_COUNT = 2 ** 31 - 1;

/**
 * Refuses what can never or must always be true.
 *
 * @param name what the user calls it, for the message: an option, mostly
 * @throws MinidumpError `invalid-argument`
 */
export function checkTrigger(spec: TriggerSpec, name: string = spec.kind): void {
  switch (spec.kind) {
    case 'cpu-above':
    case 'cpu-below': {
      const processors = cpus().length;
      checkRange(
        spec.percent,
        name,
        ' %',
        100 * processors,
        `, 100 for each of the ${processors} processors here`,
      );
      if (!(spec.seconds >= SHORTEST_CPU_SECONDS && spec.seconds <= LONGEST_SECONDS))
        throw impossible(`${name}: the seconds must be ${SHORTEST_CPU_SECONDS} or more, not ${spec.seconds}`);
      return;
    }
    case 'memory-above':
    case 'memory-below':
      if (spec.measure === 'cgroup') checkRange(spec.percent, name, ' %', 100, ' (the limit of the cgroup)');
      else checkRange(spec.bytes, name, ' bytes', Number.MAX_SAFE_INTEGER);
      return;
    case 'threads-above':
    case 'descriptors-above':
      checkRange(spec.count, name, '', MAX_COUNT);
      if (!Number.isInteger(spec.count))
        throw impossible(`${name} must be a whole number, not ${spec.count}`);
      return;
    case 'hang':
      if (!(spec.milliseconds >= SHORTEST_HANG_MS && spec.milliseconds <= LONGEST_SECONDS * 1000))
        throw impossible(`${name} must be ${SHORTEST_HANG_MS} ms or more, not ${spec.milliseconds}`);
      return;
    case 'log':
    case 'file': {
      const path = spec.kind === 'log' ? spec.file : spec.path;
      if (path === '' || path.includes('\0')) throw impossible(`${name} must name a file`);
      return;
    }
    case 'every':
    case 'after':
      checkRange(spec.seconds, name, ' seconds', LONGEST_SECONDS);
      return;
    default:
      throw impossible(`there is no trigger '${(spec as { kind: unknown }).kind}'`);
  }
}

/** @throws MinidumpError `invalid-argument` */
export function checkPoll(milliseconds: number): void {
  if (!(milliseconds >= 50 && milliseconds <= 3_600_000))
    throw impossible(`the polling frequency must be 50 to 3600000 ms, not ${milliseconds}`);
}

/** Above 0, and `most` at most. */
function checkRange(value: number, name: string, unit: string, most: number, why = ''): void {
  if (value > 0 && value <= most) return;
  throw impossible(`${name} must be more than 0${unit} and ${most}${unit} at most${why}, not ${value}`);
}

function impossible(message: string): MinidumpError {
  return new MinidumpError('invalid-argument', message);
}
