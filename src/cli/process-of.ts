import { MinidumpError } from '../io/index.js';
import { findProcess } from '../watch/index.js';
import { parseId, wrong } from './arguments.js';

/**
 * The process that a command was given, by its id or its name; undefined where there is none of that name.
 *
 * @throws MinidumpError `invalid-argument` where there are several
 */
export function processNamed(target: string): number | undefined {
  if (/^\d+$/.test(target)) return parseId(target, 'the process id');
  const found = findProcess(target);
  if (found.length > 1) {
    throw wrong(
      `there are ${found.length} processes '${target}': ${found.slice(0, 8).join(', ')}`,
      'Give the id of one.',
    );
  }
  return found[0];
}

export function noProcess(target: string, advice: string): MinidumpError {
  return new MinidumpError('no-such-process', `there is no process '${target}'`, { advice });
}
