import { MDAssertionInfoData } from '../format/index.js';
import type { Task } from '../io/index.js';
import type { Minidump } from '../reader/index.js';
import { leafName } from './platform.js';

/** What the C run-time library complained of. */
const KINDS: Readonly<Record<number, string>> = {
  [MDAssertionInfoData.MD_ASSERTION_INFO_TYPE_INVALID_PARAMETER]: 'invalid parameter',
  [MDAssertionInfoData.MD_ASSERTION_INFO_TYPE_PURE_VIRTUAL_CALL]: 'pure virtual call',
};

/** The assertion that failed, in a line; undefined where the dump has none (AssertionInfo, of Breakpad on Windows). */
export function* assertionText(dump: Minidump): Task<string | undefined> {
  const info = yield* dump.tryTask('assertionInfo');
  if (info === undefined) return undefined;
  const { expression, function: name, file, line, type } = info;
  const what = [KINDS[type], expression].filter(Boolean).join(', ');
  const place = file === '' ? '' : ` [${leafName(file)} : ${line}]`;
  return `Assertion: ${what}${name === '' ? '' : ` in ${name}`}${place}`;
}
