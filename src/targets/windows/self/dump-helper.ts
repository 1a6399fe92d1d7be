import { deserialize, serialize } from 'node:v8';
import { plainError } from '../../../io/plain-error.js';
import { writeAt } from '../../../node/file-region.js';
import { failureOf } from '../../../node/helper-failure.js';
import { readWhole } from '../../../node/read.js';
import { DbgHelpError } from '../results.js';
import { writeWindowsDump } from '../write-dump.js';
import { type HelperAnswer, type HelperRequest, OUTPUT_DESCRIPTOR } from './protocol.js';

/*
 * The helper: a program that has DbgHelp dump the process that has started it, and ends.
 */

function main(): void {
  writeAt(1, 0, serialize(perform(deserialize(readWhole(0)) as HelperRequest)));
}

function perform({ pid, options }: HelperRequest): HelperAnswer {
  try {
    return {
      kind: 'report',
      report: writeWindowsDump(pid, options, { fd: OUTPUT_DESCRIPTOR, readable: true }),
    };
  } catch (error) {
    const hresult = error instanceof DbgHelpError ? error.hresult : undefined;
    return { kind: 'error', error: plainError(failureOf(error)), hresult };
  }
}

main();
